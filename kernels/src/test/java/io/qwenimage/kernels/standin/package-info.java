/**
 * A stand-in for the CUDA driver's library: a {@code libcuda.so.1} whose calls land here and whose kernels run on the
 * PTX machine. It refuses what a device would refuse, runs work as late as the rules allow, keeps books and provokes
 * faults.
 */
package io.qwenimage.kernels.standin;
