/** Layers: records that hold prepared weights and call the backend. */
package io.qwenimage.nn;
