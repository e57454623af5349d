/** A small house in which every door stands open, so that each rule of ArchitectureTest is seen to fail. */
package io.qwenimage.broken;
