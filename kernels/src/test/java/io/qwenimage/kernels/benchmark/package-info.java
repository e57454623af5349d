/** Times the kernels on a GPU, after checking them, at the shapes of the models of the house. */
package io.qwenimage.kernels.benchmark;
