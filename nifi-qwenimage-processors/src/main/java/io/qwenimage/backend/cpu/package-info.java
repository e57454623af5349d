/**
 * The operations on a CPU: oneDNN for matrix products, convolutions and softmax, plain loops for the rest, on one pool
 * of threads.
 */
package io.qwenimage.backend.cpu;
