package io.qwenimage.model.qwenimagevae;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Layers in order, with their paths in the checkpoint. */
final class PictureLayers {
    private record Entry(String path, PictureLayer layer) {
    }

    private final List<Entry> entries = new ArrayList<>();

    void add(final String path, final PictureLayer layer) {
        entries.add(new Entry(path, layer));
    }

    /** The middle of encoder and decoder, {@code QwenImageMidBlock} of diffusers. */
    void addMidBlock(final ModuleScope scope, final int channels) {
        add("mid_block.resnets.0", ResidualBlock.load(scope.sub("resnets.0"), channels, channels));
        add("mid_block.attentions.0", AttentionBlock.load(scope.sub("attentions.0"), channels));
        add("mid_block", ResidualBlock.load(scope.sub("resnets.1"), channels, channels));
    }

    /** Runs all layers; a layer's result lives until the next layer is done. */
    Tensor forward(final Arena arena, final Tensor x, final Cancellation cancellation,
            final LayerObserver observer) {
        Arena current = null;
        Tensor hidden = x;
        for (final Entry entry : entries) {
            cancellation.check();
            final Arena next = arena.open("picture after " + entry.path());
            try (Arena layer = next.open(entry.path())) {
                hidden = layer.keep(entry.layer().forward(layer, hidden));
            }
            if (current != null) {
                current.close();
            }
            current = next;
            observer.onLayer(entry.path(), hidden);
        }
        return current == null ? hidden : current.keep(hidden);
    }
}
