/**
 * Everything that speaks CUDA C++ or the CUDA driver API: devices, streams, modules, and one typed launch method per
 * kernel. No other package launches a kernel.
 */
package io.qwenimage.kernels;
