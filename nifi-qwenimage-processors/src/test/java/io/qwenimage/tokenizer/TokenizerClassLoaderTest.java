package io.qwenimage.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Two archives of one product, or one that was loaded again, live side by side in a process. */
class TokenizerClassLoaderTest {
    private static final Path FOLDER = Path.of("src/test/resources/goldens/models/nested-f32/tokenizer");
    private static final String TEXT = "<|im_start|>A red kite, 通义千问<|im_end|>";

    @Test
    void everyClassLoaderLoadsTheNativeLibraryForItself() throws ReflectiveOperationException, IOException {
        final URL[] path = Stream.of(Tokenizer.class, TokenizersLibrary.class, JsonFactory.class, ObjectMapper.class,
                JsonProperty.class).map(type -> type.getProtectionDomain().getCodeSource().getLocation())
                .toArray(URL[]::new);
        final int[] expected;
        try (Tokenizer tokenizer = Tokenizer.open(FOLDER)) {
            expected = tokenizer.encode(TEXT);
        }
        for (int i = 0; i < 2; i++) {
            try (URLClassLoader loader = new URLClassLoader(path, ClassLoader.getPlatformClassLoader())) {
                final Class<?> type = loader.loadClass(Tokenizer.class.getName());
                assertNotSame(Tokenizer.class, type);
                final Method encode = type.getMethod("encode", String.class);
                try (AutoCloseable tokenizer = (AutoCloseable) type.getMethod("open", Path.class)
                        .invoke(null, FOLDER)) {
                    assertArrayEquals(expected, (int[]) encode.invoke(tokenizer, TEXT));
                } catch (ReflectiveOperationException e) {
                    throw e;
                } catch (Exception e) {
                    throw new AssertionError("closing failed", e);
                }
            }
        }
    }
}
