/** What the vision towers of the Qwen-VL family share: patches, two-dimensional rotary positions, attention. */
package io.qwenimage.model.vision;
