/** What the model architectures share: reading their config.json. Each architecture has a package of its own below. */
package io.qwenimage.model;
