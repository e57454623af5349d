/** What the GPU kit runs on a machine with a GPU: the kernels' tests on the real device, and the benchmark. */
package io.qwenimage.kernels.kit;
