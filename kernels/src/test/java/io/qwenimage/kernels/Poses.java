package io.qwenimage.kernels;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The compute capability of the device that a test runs on: the stand-in poses as it, and a real device of another one
 * is a reported skip. Without it the stand-in is of compute capability 8.0 and every real device serves.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
public @interface Poses {
    /** Major number: 9 for {@code sm_90a}. */
    int major();

    /** Minor number. */
    int minor() default 0;
}
