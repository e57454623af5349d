/** The mathematics around the denoising network: seeded noise, schedules and latent packing. */
package io.qwenimage.diffusion;
