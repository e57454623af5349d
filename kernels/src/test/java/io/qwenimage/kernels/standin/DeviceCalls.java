package io.qwenimage.kernels.standin;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;

/** Devices, contexts and the texts of errors. */
final class DeviceCalls {
    private final StandIn standIn;
    private final Map<String, Memory> texts = new HashMap<>();

    DeviceCalls(final StandIn standIn) {
        this.standIn = standIn;
    }

    Map<String, Call> calls() {
        final Map<String, Call> calls = new HashMap<>();
        calls.put("cuInit", arguments -> Call.SUCCESS);
        calls.put("cuDriverGetVersion", Call.of(arguments -> arguments.pointer(0).setInt(0,
                session().driverVersion())));
        calls.put("cuDeviceGetCount", this::count);
        calls.put("cuDeviceGet", Call.of(arguments -> {
            session().device(arguments.number(1));
            arguments.pointer(0).setInt(0, arguments.number(1));
        }));
        calls.put("cuDeviceGetName", Call.of(this::name));
        calls.put("cuDeviceGetUuid", Call.of(this::uuid));
        calls.put("cuDeviceTotalMem_v2", Call.of(arguments ->
                arguments.pointer(0).setLong(0, session().device(arguments.number(1)).memoryBytes())));
        calls.put("cuDeviceGetAttribute", Call.of(arguments -> arguments.pointer(0).setInt(0,
                attribute(session().device(arguments.number(2)), arguments.number(1)))));
        calls.put("cuDevicePrimaryCtxRetain", Call.of(arguments ->
                arguments.pointer(0).setLong(0, session().retainPrimary(arguments.number(1)))));
        calls.put("cuDevicePrimaryCtxRelease_v2", Call.of(arguments -> session().releasePrimary(arguments.number(0))));
        calls.put("cuDevicePrimaryCtxReset_v2", Call.of(arguments -> session().resetPrimary(arguments.number(0))));
        calls.put("cuDevicePrimaryCtxGetState", Call.of(arguments -> {
            arguments.pointer(1).setInt(0, 0);
            arguments.pointer(2).setInt(0, session().isPrimaryActive(arguments.number(0)) ? 1 : 0);
        }));
        calls.put("cuCtxSetCurrent", Call.of(arguments -> session().setCurrent(arguments.word(0) == 0 ? null
                : session().handles().get(arguments.word(0), PosedContext.class))));
        calls.put("cuCtxGetDevice", Call.of(arguments -> arguments.pointer(0).setInt(0,
                session().current().ordinal())));
        calls.put("cuCtxSynchronize", Call.of(arguments -> standIn.streams().synchronizeContext()));
        calls.put("cuGetErrorName", arguments -> text(arguments, ErrorTexts.name(arguments.number(0))));
        calls.put("cuGetErrorString", arguments -> text(arguments, ErrorTexts.text(arguments.number(0))));
        return calls;
    }

    private int count(final Arguments arguments) {
        arguments.pointer(0).setInt(0, session().devices().size());
        return session().faults().enumeration();
    }

    private void name(final Arguments arguments) {
        final byte[] name = session().device(arguments.number(2)).name().getBytes(StandardCharsets.UTF_8);
        final int room = arguments.number(1);
        final Pointer target = arguments.pointer(0);
        final int length = Math.min(name.length, room - 1);
        target.write(0, name, 0, length);
        target.setByte(length, (byte) 0);
    }

    private void uuid(final Arguments arguments) {
        final PosedDevice device = session().device(arguments.number(1));
        final Pointer target = arguments.pointer(0);
        target.setLong(0, Long.reverseBytes(device.uuid().getMostSignificantBits()));
        target.setLong(8, Long.reverseBytes(device.uuid().getLeastSignificantBits()));
    }

    private static int attribute(final PosedDevice device, final int attribute) {
        return switch (attribute) {
            case CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR -> device.capability().major();
            case CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR -> device.capability().minor();
            case CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT -> device.multiprocessors();
            case CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK ->
                    PosedDevice.SHARED_BYTES_PER_BLOCK;
            case CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN ->
                    device.sharedBytesPerBlockOptIn();
            case CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR ->
                    device.sharedBytesPerMultiprocessor();
            case CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK,
                    CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR ->
                    PosedDevice.REGISTERS_PER_BLOCK;
            case CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK -> LaunchCalls.THREADS_PER_BLOCK;
            case CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR ->
                    device.threadsPerMultiprocessor();
            case CUdevice_attribute.CU_DEVICE_ATTRIBUTE_WARP_SIZE -> LaunchCalls.WARP;
            case CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE -> device.l2Bytes();
            case CUdevice_attribute.CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING -> 1;
            default -> throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE,
                    "device attribute " + attribute + ", which the stand-in does not know");
        };
    }

    private int text(final Arguments arguments, final String text) {
        if (text == null) {
            arguments.pointer(1).setPointer(0, null);
            return CUresult.CUDA_ERROR_INVALID_VALUE;
        }
        final Memory memory = texts.computeIfAbsent(text, key -> {
            final Memory bytes = new Memory(key.length() + 1L);
            bytes.setString(0, key);
            return bytes;
        });
        arguments.pointer(1).setPointer(0, memory);
        return Call.SUCCESS;
    }

    private Session session() {
        return standIn.session();
    }
}
