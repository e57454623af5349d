package io.qwenimage.kernels;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Who computes which part of an attention: a list of work items for each block of the grid (or cluster of blocks), such
 * that all of them end at about the same time. An item is a tile of queries of one head and a range of blocks of keys;
 * where the tiles would not come out even, some are divided among several blocks by their keys ("stream-K",
 * <a href="https://arxiv.org/abs/2301.03598">arXiv:2301.03598</a>), at the price of adding up their parts.
 *
 * <p>Of a few ways to deal the tiles the one is taken whose longest list costs the least, counted in blocks of keys.
 *
 * @param lists     the items of each list in order
 * @param slots     number of parts of divided tiles
 * @param divided   number of divided tiles
 */
record AttentionSchedule(List<List<Item>> lists, int slots, int divided) {
    /** What an item costs beside its blocks of keys: loading queries, first scores, storing. */
    private static final double ITEM_COST = 1;
    /** What storing a part costs. */
    private static final double PART_COST = 0.6;
    /** What adding up costs for each part. */
    private static final double COMBINE_COST = 0.5;
    /** A piece of fewer blocks of keys is not worth being divided off. */
    private static final int SMALLEST_PIECE = 2;
    /** A diagonal that hides nothing. */
    private static final int NO_DIAGONAL = 1 << 29;

    /**
     * Queries and keys that see each other.
     *
     * @param queryRow first row of its queries
     * @param queries  number of queries
     * @param keyRow   first row of its keys
     * @param keys     number of keys
     */
    record Sequence(int queryRow, int queries, int keyRow, int keys) {
    }

    /**
     * One tile of queries and a range of blocks of keys, as {@code WorkItem} of attention_hopper.cu.
     *
     * @param sequence    whose queries and keys they are
     * @param head        of the queries
     * @param keyHead     of keys and values
     * @param firstQuery  first query of the tile, counted within the sequence
     * @param rows        queries of the tile
     * @param diagonal    query i of the tile sees keys up to i + diagonal
     * @param firstBlock  first block of keys
     * @param endBlock    the block of keys behind the last
     * @param maskedBlock the first block of keys with one that a query of the tile does not see
     * @param part        which part of the tile, if it is divided
     */
    record Item(Sequence sequence, int head, int keyHead, int firstQuery, int rows, int diagonal, int firstBlock,
                int endBlock, int maskedBlock, Part part) {
        /** Number of 32-bit integers of an item in memory. */
        static final int INTS = 16;

        int blocks() {
            return endBlock - firstBlock;
        }

        double cost() {
            return ITEM_COST + blocks() + (part == null ? 0 : PART_COST + COMBINE_COST * part.slots());
        }

        Item divided(final int first, final int end, final Part piece) {
            return new Item(sequence, head, keyHead, firstQuery, rows, diagonal, first, end, maskedBlock, piece);
        }

        IntStream ints(final int countersPerTile) {
            return IntStream.of(sequence.queryRow() + firstQuery, rows, head, keyHead, sequence.keyRow(),
                    sequence.keys(), firstBlock, endBlock, maskedBlock, diagonal, part == null ? -1 : part.slot(),
                    part == null ? 0 : part.firstSlot(), part == null ? 0 : part.slots(),
                    part == null ? 0 : part.tile() * countersPerTile, 0, 0);
        }
    }

    /**
     * A part of a divided tile.
     *
     * @param slot      its place in the workspace
     * @param firstSlot that of the tile's first part
     * @param slots     number of the tile's parts
     * @param tile      number of the tile among divided ones
     */
    record Part(int slot, int firstSlot, int slots, int tile) {
    }

    /**
     * The best schedule.
     *
     * @param heads     of queries; a multiple of keyHeads
     * @param queryTile queries of a tile
     * @param keyTile   keys of a block
     * @param lists     number of lists
     */
    static AttentionSchedule of(final List<Sequence> sequences, final int heads, final int keyHeads,
                                final boolean causal, final int queryTile, final int keyTile, final int lists) {
        final List<Item> tiles = new ArrayList<>();
        for (final Sequence sequence : sequences) {
            for (int head = 0; head < heads; head++) {
                for (int first = 0; first < sequence.queries(); first += queryTile) {
                    tiles.add(tile(sequence, head, head / (heads / keyHeads), first, causal, queryTile, keyTile));
                }
            }
        }
        final int even = tiles.size() / lists * lists;
        final List<AttentionSchedule> candidates = new ArrayList<>(List.of(longestFirst(tiles, lists)));
        for (int streams = lists; streams > 0; streams /= 2) {
            candidates.add(streamed(tiles, even, lists, streams));
        }
        if (even > 0) {
            candidates.add(streamed(tiles, even - lists, lists, lists));
        }
        return candidates.stream().min(Comparator.comparingDouble(AttentionSchedule::longest)).orElseThrow();
    }

    /** All items as the kernel reads them, list after list. */
    int[] items(final int countersPerTile) {
        return lists.stream().flatMap(List::stream).flatMapToInt(item -> item.ints(countersPerTile)).toArray();
    }

    /** Where each list begins among the items; one more number says where the last ends. */
    int[] firstItems() {
        final int[] first = new int[lists.size() + 1];
        for (int list = 0; list < lists.size(); list++) {
            first[list + 1] = first[list] + lists.get(list).size();
        }
        return first;
    }

    /** Cost of the longest list in blocks of keys. */
    double longest() {
        return lists.stream().mapToDouble(list -> list.stream().mapToDouble(Item::cost).sum()).max().orElse(0);
    }

    private static Item tile(final Sequence sequence, final int head, final int keyHead, final int firstQuery,
                             final boolean causal, final int queryTile, final int keyTile) {
        final int rows = Math.min(queryTile, sequence.queries() - firstQuery);
        final int diagonal = causal ? firstQuery + sequence.keys() - sequence.queries() : NO_DIAGONAL;
        final int seen = Math.clamp((long) rows + diagonal, 0, sequence.keys());
        final int seenByAll = Math.clamp(1L + diagonal, 0, sequence.keys());
        return new Item(sequence, head, keyHead, firstQuery, rows, diagonal, 0, Math.ceilDiv(seen, keyTile),
                seenByAll / keyTile, null);
    }

    /** Whole tiles, the longest first, each to the list that is shortest by then. */
    private static AttentionSchedule longestFirst(final List<Item> tiles, final int count) {
        final List<List<Item>> lists = emptyLists(count);
        final double[] costs = new double[count];
        final PriorityQueue<Integer> shortest = new PriorityQueue<>(
                Comparator.<Integer>comparingDouble(list -> costs[list]).thenComparingInt(list -> list));
        IntStream.range(0, count).forEach(shortest::add);
        tiles.stream().sorted(Comparator.comparingInt(Item::blocks).reversed()).forEach(tile -> {
            final int list = shortest.remove();
            lists.get(list).add(tile);
            costs[list] += tile.cost();
            shortest.add(list);
        });
        return new AttentionSchedule(lists, 0, 0);
    }

    /** The first tiles whole, in turn; the blocks of keys of all others in one row, cut evenly for the first lists. */
    private static AttentionSchedule streamed(final List<Item> tiles, final int whole, final int count,
                                              final int streams) {
        final List<List<Item>> lists = emptyLists(count);
        for (int tile = 0; tile < whole; tile++) {
            lists.get(tile % count).add(tiles.get(tile));
        }
        final List<Item> rest = tiles.subList(whole, tiles.size());
        final long[] cuts = cuts(rest, streams);
        int slots = 0;
        int divided = 0;
        int list = 0;
        long start = 0;
        for (final Item tile : rest) {
            final long end = start + tile.blocks();
            while (list + 1 < streams && cuts[list + 1] <= start) {
                list++;
            }
            if (list + 1 == streams || cuts[list + 1] >= end) {
                lists.get(list).add(tile);
            } else {
                final int parts = divide(tile, start, cuts, list, lists, slots, divided);
                slots += parts;
                divided++;
            }
            start = end;
        }
        return new AttentionSchedule(lists, slots, divided);
    }

    /** Gives the pieces of a tile to the lists whose shares it spans, and returns their number. */
    private static int divide(final Item tile, final long start, final long[] cuts, final int firstList,
                              final List<List<Item>> lists, final int firstSlot, final int number) {
        final long end = start + tile.blocks();
        final List<int[]> pieces = new ArrayList<>();
        for (int list = firstList; list + 1 < cuts.length && cuts[list] < end; list++) {
            final int from = (int) (Math.max(start, cuts[list]) - start);
            final int to = (int) (Math.min(end, cuts[list + 1]) - start);
            if (from < to) {
                pieces.add(new int[] {list, from, to});
            }
        }
        for (int i = 0; i < pieces.size(); i++) {
            final int[] piece = pieces.get(i);
            lists.get(piece[0]).add(tile.divided(piece[1], piece[2],
                    new Part(firstSlot + i, firstSlot, pieces.size(), number)));
        }
        return pieces.size();
    }

    /** Where each list begins in the row of all blocks of keys, moved to a tile's border if that is near. */
    private static long[] cuts(final List<Item> tiles, final int count) {
        final long total = tiles.stream().mapToLong(Item::blocks).sum();
        final long[] cuts = new long[count + 1];
        int tile = 0;
        long start = 0;
        for (int list = 0; list <= count; list++) {
            cuts[list] = list * total / count;
            while (tile + 1 < tiles.size() && start + tiles.get(tile).blocks() <= cuts[list]) {
                start += tiles.get(tile).blocks();
                tile++;
            }
            final long end = tiles.isEmpty() ? 0 : start + tiles.get(tile).blocks();
            if (cuts[list] - start < SMALLEST_PIECE) {
                cuts[list] = start;
            } else if (end - cuts[list] < SMALLEST_PIECE) {
                cuts[list] = end;
            }
        }
        return cuts;
    }

    private static List<List<Item>> emptyLists(final int count) {
        return Stream.<List<Item>>generate(ArrayList::new).limit(count).toList();
    }
}
