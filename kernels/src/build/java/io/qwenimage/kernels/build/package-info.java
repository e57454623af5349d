/**
 * The compiler driver of the kernels: Maven compiles it and runs it in a JVM of its own before resources are packaged.
 * Nothing of it is part of the product.
 */
package io.qwenimage.kernels.build;
