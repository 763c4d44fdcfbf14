"""What computes answers: threads, stages, the pipeline, and what answers now. It knows no HTTP."""
