"""The parts of a build, in their order: what kind, the version that is made, the job as a whole, its report."""
