package io.qwenimage.ptx.instruction;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.ptx.LaunchOptions;
import io.qwenimage.ptx.LaunchResult;
import io.qwenimage.ptx.PtxMachine;
import io.qwenimage.ptx.PtxProgram;
import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.memory.DeviceMemory;
import io.qwenimage.ptx.number.FloatFormat;
import io.qwenimage.ptx.number.Rounding;
import io.qwenimage.ptx.text.PtxType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Products of small whole numbers, which every type holds exactly. Where each lane has its elements is written down
 * shape by shape, as the PTX ISA has it under "Matrix Fragments for mma".
 */
class MatrixMultiplyTest {
    private static final int COLUMNS = 8;

    static Stream<Product> products() {
        return Stream.of(
            // A [16, k]: elements whose row is 8 further down, and the columns of element i of thread t in its group.
            halves("m16n8k8", 8, i -> i >> 1 & 1, i -> 0),
            halves("m16n8k16", 16, i -> i >> 1 & 1, i -> 8 * (i >> 2)),
            brains("m16n8k8", 8, i -> i >> 1 & 1, i -> 0),
            brains("m16n8k16", 16, i -> i >> 1 & 1, i -> 8 * (i >> 2)),
            new Product("m16n8k4", "f32.tf32.tf32.f32", 16, 4, 1, i -> i & 1, i -> 0),
            new Product("m16n8k8", "f32.tf32.tf32.f32", 16, 8, 1, i -> i & 1, i -> 4 * (i >> 1)),
            new Product("m8n8k4", "f64.f64.f64.f64", 8, 4, 1, i -> 0, i -> 0),
            new Product("m16n8k4", "f64.f64.f64.f64", 16, 4, 1, i -> i & 1, i -> 0),
            new Product("m16n8k8", "f64.f64.f64.f64", 16, 8, 1, i -> i & 1, i -> 4 * (i >> 1)),
            new Product("m16n8k16", "f64.f64.f64.f64", 16, 16, 1, i -> i & 1, i -> 4 * (i >> 1)),
            new Product("m16n8k32", "f32.e4m3.e5m2.f32", 16, 32, 4, i -> i >> 2 & 1, i -> 16 * (i >> 3)),
            new Product("m16n8k32", "f32.e5m2.e4m3.f32", 16, 32, 4, i -> i >> 2 & 1, i -> 16 * (i >> 3)),
            new Product("m8n8k16", "s32.s8.u8.s32", 8, 16, 4, i -> 0, i -> 0),
            new Product("m16n8k16", "s32.u8.s8.s32", 16, 16, 4, i -> i >> 2 & 1, i -> 0),
            new Product("m16n8k32", "s32.s8.s8.s32", 16, 32, 4, i -> i >> 2 & 1, i -> 16 * (i >> 3)),
            new Product("m8n8k32", "s32.s4.u4.s32", 8, 32, 8, i -> 0, i -> 0),
            new Product("m16n8k32", "s32.u4.s4.s32", 16, 32, 8, i -> i >> 3 & 1, i -> 0),
            new Product("m16n8k64", "s32.s4.s4.s32", 16, 64, 8, i -> i >> 3 & 1, i -> 32 * (i >> 4)),
            new Product("m8n8k128", "s32.b1.b1.s32.xor.popc", 8, 128, 32, i -> 0, i -> 0),
            new Product("m16n8k128", "s32.b1.b1.s32.and.popc", 16, 128, 32, i -> i >> 5 & 1, i -> 0),
            new Product("m16n8k256", "s32.b1.b1.s32.xor.popc", 16, 256, 32, i -> i >> 5 & 1, i -> 128 * (i >> 6)));
    }

    private static Product halves(final String shape, final int depth, final IntUnaryOperator lower,
                                  final IntUnaryOperator block) {
        return new Product(shape, "f16.f16.f16.f16", 16, depth, 2, lower, block);
    }

    private static Product brains(final String shape, final int depth, final IntUnaryOperator lower,
                                  final IntUnaryOperator block) {
        return new Product(shape, "f32.bf16.bf16.f32", 16, depth, 2, lower, block);
    }

    @ParameterizedTest
    @MethodSource("products")
    void testEveryElement(final Product product) {
        final SplittableRandom random = new SplittableRandom(product.toString().hashCode());
        final long[][] a = matrix(random, product.rows(), product.depth(), product.type(1));
        final long[][] b = matrix(random, product.depth(), COLUMNS, product.type(2));
        final long[][] c = matrix(random, product.rows(), COLUMNS, product.type(3));
        final long[][] d = new long[product.rows()][COLUMNS];
        product.run(a, b, c, d).requireClean();
        final boolean exclusive = product.types().contains("xor");
        for (int row = 0; row < product.rows(); row++) {
            for (int column = 0; column < COLUMNS; column++) {
                long expected = c[row][column];
                for (int k = 0; k < product.depth(); k++) {
                    expected += exclusive ? a[row][k] ^ b[k][column] : a[row][k] * b[k][column];
                }
                assertEquals(expected, d[row][column], product + " at " + row + ", " + column);
            }
        }
    }

    @Test
    void testSumsSaturateOrWrap() {
        for (final String limit : new String[] {"", ".satfinite"}) {
            final Product product = new Product("m16n8k32" + ".row.col" + limit, "s32.s8.s8.s32", 16, 32, 4,
                i -> i >> 2 & 1, i -> 16 * (i >> 3));
            final long[][] a = filled(16, 32, -128);
            final long[][] b = filled(32, COLUMNS, -128);
            final long[][] c = filled(16, COLUMNS, Integer.MAX_VALUE);
            final long[][] d = new long[16][COLUMNS];
            product.run(a, b, c, d).requireClean();
            assertEquals(limit.isEmpty() ? (int) (Integer.MAX_VALUE + 32L * 128 * 128) : Integer.MAX_VALUE, d[3][5]);
        }
    }

    @Test
    void testProductsAreCounted() {
        final Product product = halves("m16n8k16", 16, i -> i >> 1 & 1, i -> 8 * (i >> 2));
        final LaunchResult result = product.run(filled(16, 16, 1), filled(16, COLUMNS, 1), filled(16, COLUMNS, 1),
            new long[16][COLUMNS]);
        assertEquals(1, result.counters().of(InstructionClass.TENSOR).warpInstructions());
        assertEquals(16 * 8 * 16, result.counters().of(InstructionClass.TENSOR).multiplyAdds());
    }

    @Test
    void testShapesThatDoNotExist() {
        final Product product = new Product("m16n8k64", "s32.s8.s8.s32", 16, 64, 4, i -> i >> 2 & 1,
            i -> 16 * (i >> 3));
        assertThrows(UnsupportedInstructionException.class, () -> product.run(filled(16, 64, 1),
            filled(64, COLUMNS, 1), filled(16, COLUMNS, 1), new long[16][COLUMNS]));
    }

    private static long[][] filled(final int rows, final int columns, final long value) {
        final long[][] matrix = new long[rows][columns];
        for (final long[] row : matrix) {
            Arrays.fill(row, value);
        }
        return matrix;
    }

    private static long[][] matrix(final SplittableRandom random, final int rows, final int columns,
                                   final PtxType type) {
        final int least = type == PtxType.B1 || type.kind() == PtxType.Kind.UNSIGNED ? 0 : -3;
        final int end = type == PtxType.B1 ? 2 : 4;
        final long[][] matrix = new long[rows][columns];
        for (final long[] row : matrix) {
            for (int column = 0; column < columns; column++) {
                row[column] = random.nextInt(least, end);
            }
        }
        return matrix;
    }

    /**
     * A product.
     *
     * @param types of D, A, B and C as the instruction names them
     * @param together elements of A or B that lie side by side in one register (one where it is as wide)
     * @param lower whether element i of A lies 8 rows further down than the lane's group (0 or 1)
     * @param block at which column the block begins in which element i of A lies
     */
    record Product(String shape, String types, int rows, int depth, int together, IntUnaryOperator lower,
                   IntUnaryOperator block) {

        PtxType type(final int operand) {
            return PtxType.named(types.split("\\.")[operand]);
        }

        /** Runs it on one warp. */
        LaunchResult run(final long[][] a, final long[][] b, final long[][] c, final long[][] d) {
            final DeviceMemory memory = new DeviceMemory();
            final ByteBuffer registers = ByteBuffer.allocate(32 * 512).order(ByteOrder.LITTLE_ENDIAN);
            for (int lane = 0; lane < 32; lane++) {
                for (int i = 0; i < elements(rows * depth); i++) {
                    put(registers, place(lane, 0), type(1), i, a[row(lane, i)][columnOfA(lane, i)]);
                }
                for (int i = 0; i < elements(depth * COLUMNS); i++) {
                    put(registers, place(lane, 1), type(2), i, b[rowOfB(lane, i)][lane >> 2]);
                }
                for (int i = 0; i < rows / 4; i++) {
                    put(registers, place(lane, 2), type(3), i, c[rowOfSum(lane, i)][columnOfSum(lane, i)]);
                }
            }
            final long address = memory.allocate(registers.capacity());
            memory.write(address, registers.array(), 0, registers.capacity());
            final LaunchResult result = PtxMachine.launch(PtxProgram.load(text(), memory), "product",
                new int[] {1, 1, 1},
                new int[] {32, 1, 1}, 0, ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(address).array(),
                LaunchOptions.standard().withThreads(1));
            memory.read(address, registers.array(), 0, registers.capacity());
            for (int lane = 0; lane < 32; lane++) {
                for (int i = 0; i < rows / 4; i++) {
                    d[rowOfSum(lane, i)][columnOfSum(lane, i)] = get(registers, place(lane, 3), type(0), i);
                }
            }
            return result;
        }

        private int row(final int lane, final int i) {
            return (lane >> 2) + 8 * lower.applyAsInt(i);
        }

        private int columnOfA(final int lane, final int i) {
            return block.applyAsInt(i) + together * (lane & 3) + i % together;
        }

        /** B has as many rows in a block as a group's four lanes hold. */
        private int rowOfB(final int lane, final int i) {
            return 4 * together * (i / together) + together * (lane & 3) + i % together;
        }

        private static int rowOfSum(final int lane, final int i) {
            return (lane >> 2) + 8 * (i >> 1);
        }

        private static int columnOfSum(final int lane, final int i) {
            return 2 * (lane & 3) + (i & 1);
        }

        private static int elements(final int all) {
            return all / 32;
        }

        /** Where a lane's registers of an operand begin; D takes the place behind the others. */
        private static int place(final int lane, final int operand) {
            return 512 * lane + 128 * operand;
        }

        private String text() {
            final StringBuilder loads = new StringBuilder();
            final StringBuilder stores = new StringBuilder();
            final String a = group(1, elements(rows * depth), 0, loads, stores);
            final String b = group(2, elements(depth * COLUMNS), 32, loads, stores);
            final String c = group(3, rows / 4, 64, loads, stores);
            final String d = group(0, rows / 4, 96, loads, stores);
            return """
                .version 8.7
                .target sm_90a
                .address_size 64
                .visible .entry product(.param .u64 registers)
                {
                .reg .b32 %%r<128>;
                .reg .f64 %%d<128>;
                .reg .b64 %%at;
                .reg .b32 %%thread;
                mov.u32 %%thread, %%tid.x;
                ld.param.u64 %%at, [registers];
                mad.wide.u32 %%at, %%thread, 512, %%at;
                %smma.sync.aligned.%s.%s %s, %s, %s, %s;
                %sret;
                }
                """.formatted(loads, shape.contains("row") ? shape : shape + ".row.col", types, d, a, b, c, stores);
        }

        private String group(final int operand, final int elements, final int first, final StringBuilder loads,
                             final StringBuilder stores) {
            final PtxType type = type(operand);
            final int width = type == PtxType.F64 ? 8 : 4;
            final int registers = elements * type.bits() / (8 * width);
            final String name = width == 8 ? "%d" : "%r";
            for (int i = 0; i < registers; i++) {
                final String address = "[%at+" + (place(0, operand == 0 ? 3 : operand - 1) + width * i) + "]";
                if (operand == 0) {
                    stores.append("st.global.b").append(8 * width).append(" ").append(address).append(", ").append(name)
                        .append(first + i).append(";\n");
                } else {
                    loads.append("ld.global.b").append(8 * width).append(" ").append(name).append(first + i)
                        .append(", ").append(address).append(";\n");
                }
            }
            return "{" + String.join(", ", IntStream.range(first, first + registers).mapToObj(i -> name + i).toList())
                + "}";
        }

        private static void put(final ByteBuffer registers, final int at, final PtxType type, final int i,
                                final long value) {
            switch (type) {
                case F64 -> registers.putDouble(at + 8 * i, value);
                case F32, TF32 -> registers.putFloat(at + 4 * i, value);
                case F16 -> registers.putShort(at + 2 * i, Float.floatToFloat16(value));
                case BF16 -> registers.putShort(at + 2 * i, (short) (Float.floatToRawIntBits(value) >>> 16));
                case E4M3 -> registers.put(at + i, (byte) FloatFormat.E4M3.encode(value, Rounding.NEAREST_EVEN));
                case E5M2 -> registers.put(at + i, (byte) FloatFormat.E5M2.encode(value, Rounding.NEAREST_EVEN));
                case S32 -> registers.putInt(at + 4 * i, (int) value);
                default -> {
                    final int bit = type.bits() * i;
                    final int before = registers.getInt(at + bit / 32 * 4);
                    registers.putInt(at + bit / 32 * 4, before | ((int) value & (1 << type.bits()) - 1) << bit % 32);
                }
            }
        }

        private static long get(final ByteBuffer registers, final int at, final PtxType type, final int i) {
            return switch (type) {
                case F64 -> (long) registers.getDouble(at + 8 * i);
                case F32 -> (long) registers.getFloat(at + 4 * i);
                case F16 -> (long) Float.float16ToFloat(registers.getShort(at + 2 * i));
                default -> registers.getInt(at + 4 * i);
            };
        }

        @Override
        public String toString() {
            return shape + " " + types;
        }
    }
}
