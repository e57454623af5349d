"""Who computes which part of an attention: the schedule of attention_hopper.cu, as AttentionSchedule.java makes it."""
import heapq

FAR = 1 << 29
ITEM_COST, PART_COST, COMBINE_COST = 1.0, 0.6, 0.5  # in blocks of keys


def tiles_of(sequences, heads, key_heads, causal, query_tile, key_tile):
    """Work items that are whole tiles, in an order in which neighbours share keys."""
    tiles = []
    for query_row, queries, key_row, keys in sequences:
        for head in range(heads):
            for first in range(0, queries, query_tile):
                rows = min(query_tile, queries - first)
                diagonal = first + keys - queries if causal else FAR
                visible = max(0, min(keys, rows + diagonal))
                all_see = max(0, min(keys, 1 + diagonal))
                tiles.append(dict(query_row=query_row + first, query_rows=rows, head=head,
                                  key_head=head // (heads // key_heads), key_row=key_row, key_length=keys,
                                  first_block=0, end_block=-(-visible // key_tile), masked_block=all_see // key_tile,
                                  diagonal=diagonal, slot=-1, first_slot=0, slots=0, counter=0))
    return tiles


def longest_first(tiles, blocks):
    lists = [[] for _ in range(blocks)]
    loads = [(0.0, b) for b in range(blocks)]
    for tile in sorted(tiles, key=lambda t: -t["end_block"]):
        load, b = heapq.heappop(loads)
        lists[b].append(tile)
        heapq.heappush(loads, (load + ITEM_COST + tile["end_block"], b))
    return lists, 0, 0


def waves_and_stream(tiles, blocks, whole, warps, streams):
    """The first tiles whole, in turn; the rest as one stream of key blocks, cut evenly for the first lists."""
    lists = [[dict(t) for t in tiles[b:whole:blocks]] for b in range(blocks)]
    rest = tiles[whole:]
    total = sum(t["end_block"] for t in rest)
    starts, position = [], 0
    for tile in rest:
        starts.append(position)
        position += tile["end_block"]
    cuts = []
    tile = 0
    for b in range(streams + 1):
        cut = b * total // streams
        while tile + 1 < len(rest) and starts[tile + 1] <= cut:
            tile += 1
        if rest:
            end = starts[tile] + rest[tile]["end_block"]
            if cut - starts[tile] < 2:
                cut = starts[tile]
            elif end - cut < 2:
                cut = end
        cuts.append(cut)
    slots = counters = begin = 0
    for tile, start in zip(rest, starts):
        end = start + tile["end_block"]
        while begin + 1 < streams and cuts[begin + 1] <= start:
            begin += 1
        parts, b = [], begin
        while b < streams and cuts[b] < end:
            if max(start, cuts[b]) < min(end, cuts[b + 1]):
                parts.append((b, max(start, cuts[b]), min(end, cuts[b + 1])))
            b += 1
        if not parts:
            parts = [(slots % streams, start, end)]
        for i, (b, low, high) in enumerate(parts):
            item = dict(tile, first_block=low - start, end_block=high - start)
            if len(parts) > 1:
                item.update(slot=slots + i, first_slot=slots, slots=len(parts), counter=counters)
            lists[b].append(item)
        if len(parts) > 1:
            slots += len(parts)
            counters += warps
    return lists, slots, counters


def cost(items):
    return sum(ITEM_COST + i["end_block"] - i["first_block"]
               + (PART_COST + COMBINE_COST * i["slots"] if i["slot"] >= 0 else 0) for i in items)


def schedule(tiles, blocks, warps, policy="best"):
    full = len(tiles) // blocks * blocks
    makers = {"whole": lambda: longest_first(tiles, blocks)}
    streams = blocks
    while streams:
        label = "stream" if streams == blocks else "stream/%d" % streams
        makers[label] = lambda streams=streams: waves_and_stream(tiles, blocks, full, warps, streams)
        streams //= 2
    if full:
        makers["stream2"] = lambda: waves_and_stream(tiles, blocks, full - blocks, warps, blocks)
    if policy != "best":
        return makers[policy](), policy
    candidates = {p: make() for p, make in makers.items()}
    policy = min(candidates, key=lambda p: max(map(cost, candidates[p][0])))
    return candidates[policy], policy


FIELDS = ("query_row", "query_rows", "head", "key_head", "key_row", "key_length", "first_block", "end_block",
          "masked_block", "diagonal", "slot", "first_slot", "slots", "counter")
