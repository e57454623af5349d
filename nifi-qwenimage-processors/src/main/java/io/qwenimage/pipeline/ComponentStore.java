package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.weights.Checkpoints;
import io.qwenimage.weights.WeightException;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The networks in one device's memory. Whoever asks for a network of a folder that is there already holds the same one:
 * one Qwen2.5-VL serves prompts, captions and grounding. It leaves memory when the last holder lets go. Safe for use by
 * several threads.
 */
public final class ComponentStore {
    private final Backend backend;
    private final Map<Key, Entry> entries = new HashMap<>();

    /**
     * A store that is empty.
     *
     * @param backend outlives all holds; not closed by the store
     */
    public ComponentStore(final Backend backend) {
        this.backend = backend;
    }

    /** Where the networks run. */
    public Backend backend() {
        return backend;
    }

    /**
     * Takes hold of a network, and loads it if nobody else holds it.
     *
     * @param folder that holds its checkpoint
     * @param type   of the network; a folder has one of each type
     * @param scope  finds the network's root in the checkpoint
     * @param build  reads the weights
     * @return closed by the caller
     * @throws WeightException if the checkpoint is damaged or does not fit
     * @throws java.util.concurrent.CancellationException if it is no longer wanted, or the wait for another who
     *                                                    loads it
     */
    <T> LoadedComponent<T> load(final Path folder, final Class<T> type,
            final Function<WeightSource, WeightScope> scope, final Function<ModuleScope, T> build,
            final Cancellation cancellation) {
        final Key key = Key.of(folder, type);
        final Entry entry = hold(key, new OnDemand<>(wanted -> Resident.load(backend, folder, scope, build, wanted)));
        try {
            final Resident resident = entry.resident.get(cancellation);
            entry.loaded = true;
            return new LoadedComponent<>(type.cast(resident.network()), () -> release(key, entry));
        } catch (RuntimeException | Error e) {
            release(key, entry);
            throw e;
        }
    }

    /** Whether a network of a folder is there, as a whole. */
    synchronized boolean isLoaded(final Path folder, final Class<?> type) {
        final Entry entry = entries.get(Key.of(folder, type));
        return entry != null && entry.loaded;
    }

    private synchronized Entry hold(final Key key, final OnDemand<Resident> resident) {
        final Entry entry = entries.computeIfAbsent(key, absent -> new Entry(resident));
        entry.holds++;
        return entry;
    }

    // Freed before the lock is given up, so that who loads it anew finds the memory free.
    private synchronized void release(final Key key, final Entry entry) {
        entry.holds--;
        if (entry.holds == 0) {
            entries.remove(key);
            entry.resident.close();
        }
    }

    /** A network that somebody holds; guarded by the store. */
    private static final class Entry {
        private final OnDemand<Resident> resident;
        private volatile boolean loaded;
        private int holds;

        Entry(final OnDemand<Resident> resident) {
            this.resident = resident;
        }
    }

    /** What a network lives on: the arena of its weights and, as long as it runs, the mapped files behind them. */
    private record Resident(WeightSource source, Arena arena, Object network) implements Stage {
        static Resident load(final Backend backend, final Path folder,
                final Function<WeightSource, WeightScope> scope, final Function<ModuleScope, ?> build,
                final Cancellation cancellation) {
            final WeightSource source = Checkpoints.open(folder);
            Arena arena = null;
            try {
                arena = backend.openArena("weights of " + folder.getFileName());
                return new Resident(source, arena,
                        build.apply(ModuleScope.of(backend, arena, scope.apply(source), cancellation)));
            } catch (RuntimeException | Error e) {
                try {
                    if (arena != null) {
                        arena.close();
                    }
                } catch (final RuntimeException closing) {
                    e.addSuppressed(closing);
                } finally {
                    source.close();
                }
                throw e;
            }
        }

        @Override
        public void close() {
            try {
                arena.close();
            } finally {
                source.close();
            }
        }
    }

    /** A network's folder, with what tells its files from later ones of the same names. */
    private record Key(Path folder, List<String> files, Class<?> type) {
        static Key of(final Path folder, final Class<?> type) {
            try (Stream<Path> files = Files.list(folder)) {
                return new Key(folder.toRealPath(),
                        files.filter(Files::isRegularFile).map(Key::stamp).sorted().toList(), type);
            } catch (IOException e) {
                throw new WeightException("model folder " + folder + " cannot be read: " + e.getMessage(), e);
            }
        }

        private static String stamp(final Path file) {
            try {
                return file.getFileName() + " " + Files.size(file) + " " + Files.getLastModifiedTime(file);
            } catch (IOException e) {
                throw new WeightException("file " + file + " cannot be read: " + e.getMessage(), e);
            }
        }
    }
}
