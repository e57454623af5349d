/** Qwen3-VL, dense: learned positions, features from several depths of the tower, interleaved rotary axes. */
package io.qwenimage.model.qwen3vl;
