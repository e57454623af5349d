/**
 * The operations on an NVIDIA GPU: kernels of our own, and matrix products through cuBLASLt. Nothing outside this package
 * knows CUDA.
 */
package io.qwenimage.backend.cuda;
