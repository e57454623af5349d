/** A vision tower and a language model together, whichever of the family they are. */
package io.qwenimage.model.vl;
