/**
 * The operations on an NVIDIA GPU: kernels of our own, matrix products through cuBLASLt, and convolutions through cuDNN
 * where it is installed. Nothing outside this package knows CUDA.
 */
package io.qwenimage.backend.cuda;
