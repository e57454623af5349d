/**
 * The launch layer: devices, streams, events, memory, modules, launches and graphs over the CUDA driver API. It is the
 * only package that knows JCuda. A {@link io.qwenimage.kernels.driver.CudaDevice} owns everything that is opened on it.
 */
package io.qwenimage.kernels.driver;
