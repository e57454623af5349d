/** Checkpoints as Hugging Face publishes them: named tensors in safetensors files. */
package io.qwenimage.weights;
