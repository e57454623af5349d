/** Element types, shapes, and tensors in the memory of the host. */
package io.qwenimage.tensor;
