package io.qwenimage.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.standin.StandIn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CudaLibrariesTest {
    private static final String JAR = "nifi-qwenimage-nar-1.0.nar-unpacked/NAR-INF/bundled-dependencies/qwenimage.jar";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"NAR-INF", "META-INF"})
    void testFoundInTheNarThatCarriesThem(final String information) throws IOException {
        final Path natives = Files.createDirectories(folder.resolve(
                "nifi-qwenimage-cuda-libraries-nar-1.0.nar-unpacked/" + information + "/bundled-dependencies/native"));
        Files.createDirectories(folder.resolve("nifi-standard-nar-2.3.0.nar-unpacked/NAR-INF"));
        assertEquals(List.of(natives), CudaLibraries.folderOfNar(folder.resolve(JAR)));
    }

    @Test
    void testNoSuchNar() throws IOException {
        Files.createDirectories(folder.resolve(JAR).getParent());
        assertEquals(List.of(), CudaLibraries.folderOfNar(folder.resolve(JAR)));
        assertEquals(List.of(), CudaLibraries.folderOfNar(folder.resolve("lib/qwenimage.jar")), "outside of NiFi");
    }

    @Test
    void testEachMissingLibraryIsNamedWithItsPackage() {
        final List<CudaLibrary> libraries = CudaLibraries.find(folder);
        assertEquals(List.of("libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcudnn.so.9"),
                libraries.stream().map(CudaLibrary::name).toList());
        assertEquals(List.of(true, true, true, false), libraries.stream().map(CudaLibrary::needed).toList(),
                "only convolutions know another way");
        libraries.forEach(library -> assertFalse(library.isFound()));
        assertTrue(libraries.get(0).remedy().contains("the wheel nvidia-cuda-runtime"), libraries.get(0).remedy());
        assertTrue(libraries.get(1).remedy().contains("libcublas-13-1"), libraries.get(1).remedy());
        assertTrue(libraries.get(3).remedy().contains("the wheel nvidia-cudnn-cu13"), libraries.get(3).remedy());
        final String message = assertThrows(IllegalStateException.class, () -> CudaLibraries.load(folder)).getMessage();
        libraries.stream().filter(CudaLibrary::needed).forEach(library -> assertTrue(
                message.contains(library.name() + " is not in the folder " + folder),
                message));
    }

    @Test
    void testCudnnIsNamedByThePartThatIsMissing() throws IOException {
        StandIn.installWithLibraries();
        Files.writeString(folder.resolve("libcudnn.so.9"), "no library");
        final String whole = assertThrows(IllegalStateException.class, () -> CudaLibraries.loadCudnn(folder))
                .getMessage();
        assertTrue(whole.contains(folder.resolve("libcudnn.so.9") + " cannot be loaded"), whole);
        assertTrue(whole.contains("libcudnn9-cuda-13"), whole);
    }

    @Test
    void testFoundBesideTheOtherLibrariesAsTheWheelsHaveIt() throws IOException {
        final Path cuda = Files.createDirectories(folder.resolve("nvidia/cu13/lib"));
        final Path cudnn = Files.createDirectories(folder.resolve("nvidia/cudnn/lib"));
        Files.writeString(cudnn.resolve("libcudnn.so.9"), "no library");
        final String remedy = CudaLibraries.find(cuda).getLast().remedy();
        assertTrue(remedy.contains(cudnn.resolve("libcudnn.so.9") + " cannot be loaded"), remedy);
    }

    @Test
    void testFileThatIsNoLibrary() throws IOException {
        Files.writeString(folder.resolve("libcudart.so.13"), "no library");
        final String remedy = CudaLibraries.find(folder).getFirst().remedy();
        assertTrue(remedy.contains(folder.resolve("libcudart.so.13") + " cannot be loaded"), remedy);
    }
}
