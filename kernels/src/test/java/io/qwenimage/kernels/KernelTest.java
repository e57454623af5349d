package io.qwenimage.kernels;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Tests of a class may have a parameter of type {@link KernelDevice}: the stand-in for the CUDA driver, or with
 * {@code -Dqwenimage.gpu=real} the machine's GPU. A test fails for whatever the inspector found in its kernels, for
 * what the stand-in was asked wrongly, and for what was left open.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Tag("device")
@ExtendWith(KernelDeviceExtension.class)
public @interface KernelTest {
}
