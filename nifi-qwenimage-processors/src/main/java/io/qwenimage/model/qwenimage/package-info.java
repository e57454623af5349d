/** The denoiser of Qwen-Image: a multimodal diffusion transformer with two streams. */
package io.qwenimage.model.qwenimage;
