"""What a test of FAISS on GPUs needs, or must not have. It imports no torch: tools/test-faiss-gpu.sh has none."""

import faiss
import pytest

from indexer.kinds.gpu.faiss_exact import gpu_count

gpu_wheel = pytest.mark.skipif(
    not hasattr(faiss, "StandardGpuResources"), reason="this FAISS was not built for GPUs: tools/test-faiss-gpu.sh"
)
without_gpu = pytest.mark.skipif(gpu_count() > 0, reason="a GPU is here")
with_gpu = pytest.mark.skipif(gpu_count() == 0, reason="FAISS sees no GPU")
