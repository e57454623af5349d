package io.qwenimage.kernels.standin;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.ptx.memory.DeviceMemory;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUgraph;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the stand-in refuses, driven through JCuda itself: calls that the launch layer never makes. */
class StandInTest {
    private final StandIn standIn = StandIn.install();

    @BeforeEach
    void setUp() {
        standIn.setUp(1, PosedDevice.a100(), PosedDevice.h100());
        assertEquals(2, CudaDevice.list().size());
        enter(0);
    }

    @AfterEach
    void tearDown() {
        final CUdevice device = new CUdevice();
        JCudaDriver.cuDeviceGet(device, 0);
        JCudaDriver.cuDevicePrimaryCtxRelease(device);
        standIn.setUp(1, PosedDevice.a100());
    }

    @Test
    void testDoubleFree() {
        final CUdeviceptr pointer = allocate(100);
        succeed(JCudaDriver.cuMemFree(pointer));
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, JCudaDriver.cuMemFree(pointer), "cuMemFree_v2: freeing 0x",
                ", which has been freed already");
    }

    @Test
    void testFreeInsideOfAnAllocation() {
        final CUdeviceptr pointer = allocate(100);
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, JCudaDriver.cuMemFree(pointer.withByteOffset(4)),
                ", where no allocation of Stand-in A100 begins");
        succeed(JCudaDriver.cuMemFree(pointer));
    }

    @Test
    void testUseAfterFree() {
        final CUdeviceptr pointer = allocate(8);
        succeed(JCudaDriver.cuMemFree(pointer));
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, JCudaDriver.cuMemcpyHtoD(pointer, Pointer.to(new long[1]), 8),
                "8 bytes at 0x", ", which has been freed");
    }

    @Test
    void testCopyBeyondAnAllocation() {
        final CUdeviceptr pointer = allocate(8);
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, JCudaDriver.cuMemcpyHtoD(pointer, Pointer.to(new long[2]), 16),
                "16 bytes at 0x", " leave their allocation");
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, JCudaDriver.cuMemsetD8Async(pointer, (byte) 0, 9, null),
                "9 bytes at 0x", " leave their allocation");
        succeed(JCudaDriver.cuMemFree(pointer));
    }

    @Test
    void testPointerOfAnotherContext() {
        final CUdeviceptr pointer = allocate(8);
        enter(1);
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, JCudaDriver.cuMemcpyDtoH(Pointer.to(new long[1]), pointer, 8),
                "which belongs to device 0, whose context is not current");
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, JCudaDriver.cuMemFree(pointer),
                "where no allocation of Stand-in H100 begins");
        release(1);
        succeed(JCudaDriver.cuCtxSetCurrent(context(0)));
        release(0);
        succeed(JCudaDriver.cuMemFree(pointer));
    }

    @Test
    void testStreamAndEventOfAnotherContext() {
        final CUstream stream = new CUstream();
        succeed(JCudaDriver.cuStreamCreate(stream, 1));
        final CUevent event = new CUevent();
        succeed(JCudaDriver.cuEventCreate(event, 0));
        enter(1);
        refuse(CUresult.CUDA_ERROR_INVALID_HANDLE, JCudaDriver.cuStreamSynchronize(stream),
                "a stream of another context");
        refuse(CUresult.CUDA_ERROR_INVALID_HANDLE, JCudaDriver.cuEventQuery(event), "an event of another context");
        release(1);
        standIn.clearFindings();
    }

    @Test
    void testClosedAndWrongHandles() {
        final CUstream stream = new CUstream();
        succeed(JCudaDriver.cuStreamCreate(stream, 1));
        succeed(JCudaDriver.cuStreamDestroy(stream));
        refuse(CUresult.CUDA_ERROR_INVALID_HANDLE, JCudaDriver.cuStreamDestroy(stream), "cuStreamDestroy_v2: 0x",
                " has been closed already");
        refuse(CUresult.CUDA_ERROR_INVALID_HANDLE, JCudaDriver.cuStreamSynchronize(stream), " has been closed already");
        refuse(CUresult.CUDA_ERROR_INVALID_HANDLE, JCudaDriver.cuEventQuery(new CUevent()), "0x0 is no event");
    }

    @Test
    void testNoContext() {
        succeed(JCudaDriver.cuCtxSetCurrent(new CUcontext()));
        refuse(CUresult.CUDA_ERROR_INVALID_CONTEXT, JCudaDriver.cuMemAlloc(new CUdeviceptr(), 4),
                "no context is current in this thread");
    }

    @Test
    void testContextReleasedTooOften() {
        release(0);
        final CUdevice device = new CUdevice();
        succeed(JCudaDriver.cuDeviceGet(device, 0));
        refuse(CUresult.CUDA_ERROR_INVALID_CONTEXT, JCudaDriver.cuDevicePrimaryCtxRelease(device),
                "releasing a context that nobody holds");
        assertEquals(CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED, JCudaDriver.cuCtxSynchronize());
        enter(0);
    }

    @Test
    void testLeaksAtTheEndOfAContext() {
        allocate(100);
        allocate(28);
        succeed(JCudaDriver.cuStreamCreate(new CUstream(), 0));
        succeed(JCudaDriver.cuEventCreate(new CUevent(), 0));
        module();
        release(0);
        final String leak = "a leak at the end of the context of Stand-in A100: ";
        assertEquals(List.of(leak + "2 allocations, together 128 bytes", leak + "1 streams", leak + "1 events",
                leak + "1 modules"), standIn.findings());
        standIn.clearFindings();
        enter(0);
    }

    @Test
    void testPageLockedMemoryIsMissed() {
        final Pointer host = new Pointer();
        succeed(JCudaDriver.cuMemHostAlloc(host, 10, 0));
        assertEquals(List.of("the context of Stand-in A100", "1 pieces of page-locked memory"), standIn.open());
        succeed(JCudaDriver.cuMemFreeHost(host));
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, JCudaDriver.cuMemFreeHost(host), "is no page-locked memory, or has "
                + "been freed already");
    }

    @Test
    void testMoreMemoryThanThereIs() {
        assertEquals(CUresult.CUDA_ERROR_OUT_OF_MEMORY, JCudaDriver.cuMemAlloc(new CUdeviceptr(), 41L << 30));
        standIn.faults().limitMemory(1000);
        assertEquals(CUresult.CUDA_ERROR_OUT_OF_MEMORY, JCudaDriver.cuMemAlloc(new CUdeviceptr(), 1001));
        final long[] free = new long[1];
        succeed(JCudaDriver.cuMemGetInfo(free, new long[1]));
        assertEquals(1000, free[0]);
        succeed(JCudaDriver.cuMemFree(allocate(1000)));
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, JCudaDriver.cuMemAlloc(new CUdeviceptr(), 0),
                "an allocation of 0 bytes");
    }

    @Test
    void testGridAndBlockLimits() {
        final CUfunction kernel = kernel("stray_write_f32");
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, launch(kernel, 1, 65536, 32, 0), "a grid of 1 x 65536 x 1 blocks");
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, launch(kernel, 0, 1, 32, 0), "a grid of 0 x 1 x 1 blocks");
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, launch(kernel, 1, 1, 1025, 0), "a block of 1025 x 1 x 1 threads");
    }

    @Test
    void testSharedMemoryIsNotAskedFor() {
        final CUfunction kernel = kernel("stray_write_f32");
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, launch(kernel, 1, 1, 32, (48 << 10) + 4),
                "49156 bytes of dynamic shared memory for stray_write_f32, which was allowed 49152");
        final int attribute = CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        refuse(CUresult.CUDA_ERROR_INVALID_VALUE, JCudaDriver.cuFuncSetAttribute(kernel, attribute, 164 << 10),
                "167936 bytes of dynamic shared memory for stray_write_f32, at most 166912 are possible");
        succeed(JCudaDriver.cuFuncSetAttribute(kernel, attribute, 163 << 10));
        standIn.faults().failLaunchAfter(0, CUresult.CUDA_ERROR_LAUNCH_FAILED);
        succeed(launch(kernel, 1, 1, 32, 163 << 10));
        assertEquals(CUresult.CUDA_ERROR_LAUNCH_FAILED, JCudaDriver.cuCtxSynchronize());
    }

    @Test
    void testRegistersTimesThreads() {
        final CUfunction kernel = kernel("hungry_f32");
        final int[] registers = new int[1];
        succeed(JCudaDriver.cuFuncGetAttribute(registers, CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS, kernel));
        assertTrue(registers[0] > 64, () -> "registers " + registers[0]);
        final String finding = "1024 threads of " + registers[0] + " registers for hungry_f32, which can have ";
        refuse(CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, launch(kernel, 1, 1, 1024, 0), finding);
    }

    @Test
    void testStickyErrorStaysTheFirst() {
        final CUfunction kernel = kernel("stray_write_f32");
        standIn.faults().failLaunchAfter(1, CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR);
        succeed(launch(kernel, 1, 1, 1, 0));
        assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, JCudaDriver.cuCtxSynchronize());
        assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, launch(kernel, 1, 1, 1, 0));
        assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, JCudaDriver.cuMemAlloc(new CUdeviceptr(), 4));
        assertEquals(1, standIn.findings().size());
        standIn.clearFindings();
    }

    @Test
    void testImagesThatDoNotFit() {
        refuse(CUresult.CUDA_ERROR_INVALID_IMAGE, JCudaDriver.cuModuleLoadData(new CUmodule(), elf(300)),
                "a cubin of 300 bytes that the build has not made");
        refuse(CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU,
                JCudaDriver.cuModuleLoadData(new CUmodule(), image("vector_add.sm_90a.cubin")),
                "vector_add.sm_90a.cubin on compute capability 8.0");
        refuse(CUresult.CUDA_ERROR_INVALID_PTX, JCudaDriver.cuModuleLoadData(new CUmodule(), text("int main() {}")),
                "a module that is neither a cubin nor PTX");
        refuse(CUresult.CUDA_ERROR_INVALID_PTX, JCudaDriver.cuModuleLoadData(new CUmodule(),
                text(".version 8.0\n.target sm_90\n.address_size 64\n")), "PTX for sm_90 on compute capability 8.0");
    }

    @Test
    void testModuleUnloadedBeforeItsKernelIsLaunched() {
        final CUmodule module = module();
        final CUfunction kernel = new CUfunction();
        succeed(JCudaDriver.cuModuleGetFunction(kernel, module, "stray_write_f32"));
        succeed(JCudaDriver.cuModuleUnload(module));
        refuse(CUresult.CUDA_ERROR_INVALID_HANDLE, launch(kernel, 1, 1, 1, 0), " has been closed already");
        assertEquals(CUresult.CUDA_ERROR_NOT_FOUND,
                JCudaDriver.cuModuleGetFunction(kernel, module(), "nothing_f32"));
    }

    @Test
    void testTimeOfEventsThatMeasureNone() {
        final CUevent event = new CUevent();
        succeed(JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING));
        succeed(JCudaDriver.cuEventRecord(event, null));
        refuse(CUresult.CUDA_ERROR_INVALID_HANDLE, JCudaDriver.cuEventElapsedTime(new float[1], event, event),
                "the time between events that measure none or were not recorded");
        succeed(JCudaDriver.cuEventDestroy(event));
    }

    @Test
    void testCaptureOfTheDefaultStream() {
        refuse(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                JCudaDriver.cuStreamBeginCapture(new CUstream(), CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL),
                "capturing the default stream");
        final CUstream stream = new CUstream();
        succeed(JCudaDriver.cuStreamCreate(stream, 1));
        refuse(CUresult.CUDA_ERROR_ILLEGAL_STATE, JCudaDriver.cuStreamEndCapture(stream, new CUgraph()),
                "the end of a capture that was not begun");
        succeed(JCudaDriver.cuStreamDestroy(stream));
    }

    @Test
    void testFunctionThatIsNotOffered() {
        refuse(CUresult.CUDA_ERROR_NOT_SUPPORTED, JCudaDriver.cuMemAllocManaged(new CUdeviceptr(), 4, 1),
                "cuMemAllocManaged: the stand-in does not offer it");
    }

    @Test
    void testErrorTexts() {
        final String[] text = new String[1];
        succeed(JCudaDriver.cuGetErrorName(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, text));
        assertEquals("CUDA_ERROR_ILLEGAL_ADDRESS", text[0]);
        succeed(JCudaDriver.cuGetErrorString(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, text));
        assertEquals("an illegal memory access was encountered", text[0]);
        assertEquals(CUresult.CUDA_ERROR_INVALID_VALUE, JCudaDriver.cuGetErrorName(4711, text));
    }

    @Test
    void testBooks() {
        final CUdeviceptr pointer = allocate(8);
        succeed(JCudaDriver.cuMemcpyHtoD(pointer, Pointer.to(new long[] {7}), 8));
        final long[] back = new long[1];
        succeed(JCudaDriver.cuMemcpyDtoH(Pointer.to(back), pointer, 4));
        assertArrayEquals(new long[] {7}, back);
        succeed(JCudaDriver.cuMemFree(pointer));
        assertEquals(8, standIn.books().bytesToDevice());
        assertEquals(4, standIn.books().bytesToHost());
        assertEquals(1, standIn.books().allocations());
        assertEquals(0, standIn.books().launches());
        assertEquals(3, standIn.books().waits());
    }

    /** As a device reads them: where the image has its parameters, not where their alignment alone would put them. */
    @Test
    void testPackedArgumentsWithoutTheGapOfTheImage() {
        enter(1);
        final CUmodule module = new CUmodule();
        succeed(JCudaDriver.cuModuleLoadData(module, image("vector_add.sm_90a.cubin")));
        final CUfunction kernel = new CUfunction();
        succeed(JCudaDriver.cuModuleGetFunction(kernel, module, "parameter_bytes_u8"));
        final ByteBuffer packed = ByteBuffer.allocate(200).order(ByteOrder.LITTLE_ENDIAN);
        packed.putInt(0, 4).putLong(192, DeviceMemory.FIRST_ADDRESS);
        succeed(JCudaDriver.cuLaunchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, null, null,
                Pointer.to(JCudaDriver.CU_LAUNCH_PARAM_BUFFER_POINTER, Pointer.to(packed.array()),
                        JCudaDriver.CU_LAUNCH_PARAM_BUFFER_SIZE, Pointer.to(new long[] {200}),
                        JCudaDriver.CU_LAUNCH_PARAM_END)));
        refuse(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, JCudaDriver.cuCtxSynchronize(), "access out of bounds", "st.");
        reset(1);
        release(1);
        release(0);
        enter(0);
    }

    @Test
    void testErrorOfABrokenContextStaysUntilItIsReset() {
        succeed(launch(kernel("stray_write_f32"), 1, 1, 1, 0));
        assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, JCudaDriver.cuCtxSynchronize());
        standIn.clearFindings();
        release(0);
        final CUdevice device = new CUdevice();
        succeed(JCudaDriver.cuDeviceGet(device, 0));
        assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
                JCudaDriver.cuDevicePrimaryCtxRetain(new CUcontext(), device));
        reset(0);
        enter(0);
        allocate(4);
        reset(0);
        assertEquals(CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED, JCudaDriver.cuCtxSynchronize());
        assertEquals(List.of(), standIn.findings(), "a reset takes what is open with it");
        release(0);
        enter(0);
        assertEquals(List.of("the context of Stand-in A100"), standIn.open());
    }

    private static void reset(final int ordinal) {
        final CUdevice device = new CUdevice();
        succeed(JCudaDriver.cuDeviceGet(device, ordinal));
        succeed(JCudaDriver.cuDevicePrimaryCtxReset(device));
    }

    private void refuse(final int expected, final int result, final String... parts) {
        assertEquals(CUresult.stringFor(expected), CUresult.stringFor(result));
        assertEquals(1, standIn.findings().size(), () -> standIn.findings().toString());
        final String finding = standIn.findings().get(0);
        Arrays.stream(parts).forEach(part -> assertTrue(finding.contains(part), finding));
        standIn.clearFindings();
    }

    private static void succeed(final int result) {
        assertEquals("CUDA_SUCCESS", CUresult.stringFor(result));
    }

    private static CUcontext context(final int ordinal) {
        final CUdevice device = new CUdevice();
        succeed(JCudaDriver.cuDeviceGet(device, ordinal));
        final CUcontext context = new CUcontext();
        succeed(JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
        return context;
    }

    private static void enter(final int ordinal) {
        succeed(JCudaDriver.cuCtxSetCurrent(context(ordinal)));
    }

    private static void release(final int ordinal) {
        final CUdevice device = new CUdevice();
        succeed(JCudaDriver.cuDeviceGet(device, ordinal));
        succeed(JCudaDriver.cuDevicePrimaryCtxRelease(device));
    }

    private static CUdeviceptr allocate(final long bytes) {
        final CUdeviceptr pointer = new CUdeviceptr();
        succeed(JCudaDriver.cuMemAlloc(pointer, bytes));
        return pointer;
    }

    private static CUmodule module() {
        final CUmodule module = new CUmodule();
        succeed(JCudaDriver.cuModuleLoadData(module, image("vector_add.sm_80.cubin")));
        return module;
    }

    private static CUfunction kernel(final String name) {
        final CUfunction kernel = new CUfunction();
        succeed(JCudaDriver.cuModuleGetFunction(kernel, module(), name));
        return kernel;
    }

    /** A launch with null pointers as arguments, as many as the kernel takes. */
    private static int launch(final CUfunction kernel, final int gridX, final int gridY, final int blockX,
                              final int sharedBytes) {
        return JCudaDriver.cuLaunchKernel(kernel, gridX, gridY, 1, blockX, 1, 1, sharedBytes, null,
                Pointer.to(Pointer.to(new long[1]), Pointer.to(new long[1])), null);
    }

    private static byte[] image(final String name) {
        try (InputStream stream = StandInTest.class.getResourceAsStream("/io/qwenimage/kernels/images/" + name)) {
            return stream.readAllBytes();
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] text(final String content) {
        return (content + "\0").getBytes(StandardCharsets.UTF_8);
    }

    /** The head of an ELF file whose section table ends after so many bytes. */
    private static byte[] elf(final int bytes) {
        final ByteBuffer file = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        file.putInt(0, 0x464c457f).putLong(40, bytes - 64).putShort(58, (short) 64).putShort(60, (short) 1);
        return file.array();
    }
}
