package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.AttentionSchedule.Item;
import io.qwenimage.kernels.AttentionSchedule.Sequence;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class AttentionScheduleTest {
    private static final int MULTIPROCESSORS = 132;

    @Test
    void testEveryBlockOfKeysIsComputedOnce() {
        final Random random = new Random(11);
        for (int round = 0; round < 300; round++) {
            final List<Sequence> sequences = sequences(random, 1 + random.nextInt(6));
            final int keyHeads = 1 + random.nextInt(3);
            final int heads = keyHeads * (1 + random.nextInt(4));
            final boolean causal = random.nextBoolean();
            final int queryTile = random.nextBoolean() ? 128 : 192;
            final int keyTile = random.nextBoolean() ? 128 : 176;
            final int lists = 1 + random.nextInt(140);
            final AttentionSchedule schedule =
                    AttentionSchedule.of(sequences, heads, keyHeads, causal, queryTile, keyTile, lists);
            assertEquals(lists, schedule.lists().size());
            requireComplete(schedule, sequences, heads, keyHeads, causal, queryTile, keyTile);
        }
    }

    @Test
    void testJointAttentionLeavesNoMultiprocessorIdle() {
        final AttentionSchedule schedule = AttentionSchedule.of(List.of(new Sequence(0, 4296, 0, 4296)), 24, 24, false,
                128, 128, MULTIPROCESSORS);
        final double ideal = 24 * 34 * 35.0 / MULTIPROCESSORS;  // tiles of 34 blocks and the cost of an item
        assertTrue(schedule.longest() < 1.03 * ideal, schedule.longest() + " against " + ideal);
    }

    @Test
    void testOneTileOfManyKeysIsDividedAsFarAsItPays() {
        final AttentionSchedule schedule = AttentionSchedule.of(List.of(new Sequence(0, 1, 0, 16384)), 1, 1, false,
                128, 128, MULTIPROCESSORS);
        assertTrue(schedule.longest() < 20, "128 blocks of keys take " + schedule.longest());
        assertEquals(1, schedule.divided());
    }

    @Test
    void testFewWholeTilesStayWhole() {
        final AttentionSchedule schedule = AttentionSchedule.of(List.of(new Sequence(0, 128, 0, 128)), 24, 24, false,
                128, 128, MULTIPROCESSORS);
        assertEquals(0, schedule.slots());
    }

    @Test
    void testItemsLieListAfterList() {
        final AttentionSchedule schedule = AttentionSchedule.of(List.of(new Sequence(0, 300, 7, 1000)), 2, 1, true, 128,
                128, 4);
        final int[] first = schedule.firstItems();
        final int[] items = schedule.items(8);
        assertEquals(items.length, first[4] * Item.INTS);
        for (int list = 0; list < 4; list++) {
            assertEquals(schedule.lists().get(list).size(), first[list + 1] - first[list]);
        }
        final Item item = schedule.lists().get(0).get(0);
        assertEquals(item.firstQuery(), items[0]);
        assertEquals(item.rows(), items[1]);
        assertEquals(7, items[4]);
        assertEquals(1000, items[5]);
    }

    private static List<Sequence> sequences(final Random random, final int count) {
        final List<Sequence> sequences = new ArrayList<>();
        int queryRow = 0;
        int keyRow = 0;
        for (int s = 0; s < count; s++) {
            final int queries = random.nextInt(10) == 0 ? 0 : 1 + random.nextInt(900);
            final int keys = random.nextInt(3) == 0 ? queries : random.nextInt(3000);
            sequences.add(new Sequence(queryRow, queries, keyRow, keys));
            queryRow += queries;
            keyRow += keys;
        }
        return sequences;
    }

    private static void requireComplete(final AttentionSchedule schedule, final List<Sequence> sequences,
                                        final int heads, final int keyHeads, final boolean causal,
                                        final int queryTile, final int keyTile) {
        final Map<List<Integer>, List<Item>> tiles = new LinkedHashMap<>();
        for (final Item item : schedule.lists().stream().flatMap(List::stream).toList()) {
            assertEquals(item.head() / (heads / keyHeads), item.keyHead());
            tiles.computeIfAbsent(List.of(sequences.indexOf(item.sequence()), item.head(), item.firstQuery()),
                    key -> new ArrayList<>()).add(item);
        }
        final Set<Integer> slots = new HashSet<>();
        final Set<Integer> divided = new HashSet<>();
        for (int s = 0; s < sequences.size(); s++) {
            final Sequence sequence = sequences.get(s);
            for (int head = 0; head < heads; head++) {
                for (int first = 0; first < sequence.queries(); first += queryTile) {
                    final List<Item> parts = tiles.remove(List.of(s, head, first));
                    assertNotNull(parts, "no item for sequence " + s + " head " + head + " query " + first);
                    parts.sort(Comparator.comparingInt(Item::firstBlock));
                    requireTile(parts, sequence, first, causal, queryTile, keyTile);
                    if (parts.size() > 1) {
                        parts.forEach(part -> assertTrue(slots.add(part.part().slot())));
                        assertTrue(divided.add(parts.get(0).part().tile()));
                    }
                }
            }
        }
        assertTrue(tiles.isEmpty(), "items of no tile: " + tiles.keySet());
        assertTrue(slots.stream().allMatch(slot -> slot < schedule.slots()));
        assertTrue(divided.stream().allMatch(tile -> tile < schedule.divided()));
    }

    private static void requireTile(final List<Item> parts, final Sequence sequence, final int first,
                                    final boolean causal, final int queryTile, final int keyTile) {
        final int rows = Math.min(queryTile, sequence.queries() - first);
        int seenByAny = 0;
        int seenByAll = sequence.keys();
        for (int query = first; query < first + rows; query++) {
            final int seen = causal
                    ? Math.clamp(query + 1L + sequence.keys() - sequence.queries(), 0, sequence.keys())
                    : sequence.keys();
            seenByAny = Math.max(seenByAny, seen);
            seenByAll = Math.min(seenByAll, seen);
        }
        int block = 0;
        for (int i = 0; i < parts.size(); i++) {
            final Item item = parts.get(i);
            assertEquals(rows, item.rows());
            assertEquals(block, item.firstBlock());
            block = item.endBlock();
            assertTrue(item.maskedBlock() * keyTile <= seenByAll && (item.maskedBlock() + 1) * keyTile > seenByAll,
                    "first block with a hidden key");
            if (parts.size() == 1) {
                assertNull(item.part());
            } else {
                assertTrue(item.blocks() > 0);
                assertEquals(parts.size(), item.part().slots());
                assertEquals(item.part().firstSlot() + i, item.part().slot());
            }
        }
        assertEquals(Math.ceilDiv(seenByAny, keyTile), block);
    }
}
