/** The mathematics around the denoising network: seeded noise, schedules, latent packing and the timestep's embedding. */
package io.qwenimage.diffusion;
