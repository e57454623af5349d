package io.qwenimage.pipeline;

import io.qwenimage.image.ImageSize;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.qwenimagevae.QwenImageVaeConfig;
import io.qwenimage.weights.Checkpoints;
import io.qwenimage.weights.WeightException;
import io.qwenimage.weights.WeightSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;

/**
 * A folder in the layout of {@code Qwen/Qwen-Image} or {@code Qwen/Qwen-Image-Edit}: one sub-folder a component,
 * {@code model_index.json} above.
 */
final class ModelFolder {
    static final String TEXT_ENCODER = "text_encoder";
    static final String TOKENIZER = "tokenizer";
    static final String TRANSFORMER = "transformer";
    static final String VAE = "vae";
    static final String SCHEDULER = "scheduler";
    /** How pictures are prepared for the text encoder; only in folders that edit. */
    static final String PROCESSOR = "processor";
    /** Our own file beside {@code model_index.json}: name, whether it is trained, recommended settings. */
    static final String RECOMMENDATIONS = "qwenimage.json";

    private static final List<String> WEIGHTED = List.of(TEXT_ENCODER, TRANSFORMER, VAE);
    private static final int ID_BYTES = 8;
    private static final int SAMPLED_TENSORS = 4;
    private static final int SAMPLED_BYTES = 4096;
    /** {@code default_sample_size} of the reference, in latents. */
    private static final int DEFAULT_LATENTS = 128;

    private final Path root;
    private final PipelineKind kind;

    private ModelFolder(final Path root, final PipelineKind kind) {
        this.root = root;
        this.kind = kind;
    }

    /**
     * Opens a folder; reads its index and nothing else.
     *
     * @throws WeightException if there is no such folder or it is none of a pipeline that is known
     */
    static ModelFolder open(final Path root) {
        if (!Files.isDirectory(root)) {
            throw new WeightException("model folder " + root + " does not exist or is no folder; give the folder that "
                    + "holds model_index.json");
        }
        final Path index = root.resolve("model_index.json");
        if (!Files.isRegularFile(index)) {
            throw new WeightException("model folder " + root + " holds no model_index.json; give the folder of a whole "
                    + "pipeline, such as a download of Qwen/Qwen-Image");
        }
        final ConfigFile config = ConfigFile.read(index);
        return new ModelFolder(root, PipelineKind.of(config.choiceAt("_class_name", null, PipelineKind.classNames())));
    }

    /** Which pipeline the folder is of. */
    PipelineKind kind() {
        return kind;
    }

    Path root() {
        return root;
    }

    /** A component's configuration. */
    ConfigFile config(final String component) {
        final String file = component.equals(SCHEDULER) ? "scheduler_config.json" : "config.json";
        return ConfigFile.read(component(component).resolve(file));
    }

    /**
     * A component's folder.
     *
     * @throws WeightException if it is not there
     */
    Path component(final String name) {
        final Path folder = root.resolve(name);
        if (!Files.isDirectory(folder)) {
            throw new WeightException("model folder " + root + " has no folder " + name
                    + "; the download is incomplete: fetch it again");
        }
        return folder;
    }

    /** The tokenizer's folder: the processor brings its own, which the reference takes where there are pictures. */
    Path tokenizer() {
        final Path processor = root.resolve(PROCESSOR);
        final boolean own = Files.isRegularFile(processor.resolve("vocab.json"))
                || Files.isRegularFile(processor.resolve("tokenizer.json"));
        return kind.edits() && own ? processor : component(TOKENIZER);
    }

    /** Where the tokens of pictures stand; see {@link PicturePositions}. */
    PicturePositions picturePositions() {
        return PicturePositions.of(recommendations(), config(TEXT_ENCODER));
    }

    /** A component's weights; the caller closes them. */
    WeightSource weights(final String component) {
        return Checkpoints.open(component(component));
    }

    /** What is known of the model without reading weights. */
    ModelCard card() {
        final int compression = compression();
        final ConfigFile own = recommendations();
        final ConfigFile recommended = recommended(own);
        final ImageSize size = size(recommended, compression);
        return new ModelCard(id(), own.stringAt("display_name", root.toAbsolutePath().normalize().getFileName()
                .toString()), own.booleanAt("trained", true), 2 * compression, size.width(), size.height(),
                recommended.countAt("num_inference_steps", 50), recommended.doubleAt("true_cfg_scale", 4),
                recommended.stringAt("negative_prompt", null),
                kind.maximumPictures());
    }

    /** Tokens of a picture of the size that is recommended. */
    long recommendedTokens() {
        final int compression = compression();
        final ImageSize size = size(recommended(recommendations()), compression);
        return (size.width() / (2L * compression)) * (size.height() / (2L * compression));
    }

    private int compression() {
        return QwenImageVaeConfig.read(config(VAE)).spatialCompression();
    }

    /** Where an own file keeps its recommendations: apart, or among the rest. */
    private static ConfigFile recommended(final ConfigFile own) {
        return own.has("recommended") ? own.sub("recommended") : own;
    }

    private static ImageSize size(final ConfigFile recommended, final int compression) {
        final int usual = DEFAULT_LATENTS * compression;
        return new ImageSize(recommended.countAt("width", usual), recommended.countAt("height", usual));
    }

    private ConfigFile recommendations() {
        final Path file = root.resolve(RECOMMENDATIONS);
        return Files.isRegularFile(file)
                ? ConfigFile.read(file) : ConfigFile.parse(RECOMMENDATIONS, "{}".getBytes(StandardCharsets.UTF_8));
    }

    /**
     * The same for the same configuration, tensors and a few of their bytes, wherever the folder lies: tells models
     * apart, fine-tuned ones too, without reading tens of gigabytes.
     */
    private String id() {
        try {
            final MessageDigest digest = MessageDigest.getInstance("SHA-256");
            if (kind.edits()) { // the kinds of edits share weights of the same form
                digest.update(kind.className().getBytes(StandardCharsets.UTF_8));
            }
            for (final String component : WEIGHTED) {
                digest.update(Files.readAllBytes(component(component).resolve("config.json")));
                try (WeightSource source = weights(component)) {
                    final TreeMap<String, String> tensors = new TreeMap<>();
                    source.names().forEach(name -> tensors.put(name, source.info(name).toString()));
                    digest.update(tensors.toString().getBytes(StandardCharsets.UTF_8));
                    sample(digest, source, tensors.navigableKeySet());
                    sample(digest, source, tensors.descendingKeySet());
                }
            }
            return "qwenimage-" + HexFormat.of().formatHex(digest.digest(), 0, ID_BYTES);
        } catch (IOException e) {
            throw new WeightException("model folder " + root + " cannot be read: " + e.getMessage(), e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    private static void sample(final MessageDigest digest, final WeightSource source, final Set<String> names) {
        names.stream().limit(SAMPLED_TENSORS).forEach(name -> {
            final ByteBuffer bytes = source.tensor(name).parts().getFirst().bytes();
            digest.update(bytes.limit(Math.min(bytes.limit(), SAMPLED_BYTES)));
        });
    }
}
