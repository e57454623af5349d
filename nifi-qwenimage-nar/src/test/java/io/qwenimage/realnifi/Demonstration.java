package io.qwenimage.realnifi;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Prompts to pictures, a caption and boxes in a real NiFi, for a person who watches: what {@code .bin/nifi} runs. */
public final class Demonstration {
    private static final String ONCE = "--once";
    private static final String MEASURE = "--measure";
    private static final String SHEET = "contact-sheet.png";
    private static final int CANVAS_PORT = 18080;
    private static final int PROMPT_PORT = 18182;
    private static final Duration PICTURES_LIMIT = Duration.ofMinutes(10);
    /** The picture that is captioned and looked through, and what is looked for. */
    private static final String SHOWN = "two-shapes";
    private static final String PHRASES = "green triangle, blue square";
    private static final String HTTP_PROMPT = "a large blue star";
    private static final Map<String, String> FILE_PROMPTS = filePrompts();

    private final PrintStream out;
    private final Path home;

    private Demonstration(final PrintStream out, final Path home) throws IOException {
        this.out = out;
        this.home = Files.createDirectories(home).toRealPath();
    }

    /**
     * Arguments: {@code --once} to end NiFi when the pictures are there, {@code --measure} to measure NiFi's own part
     * of a picture's time before.
     */
    public static void main(final String[] arguments) throws IOException, InterruptedException {
        final List<String> options = List.of(arguments);
        if (!List.of(ONCE, MEASURE).containsAll(options)) {
            System.err.println("Unknown argument in " + options + ": known are " + ONCE
                    + " (end NiFi when the pictures are there) and "
                    + MEASURE + " (measure NiFi's own part of a picture's time)");
            System.exit(2);
        }
        final Path build = Path.of(System.getProperty("qwenimage.build"));
        try {
            new Demonstration(System.out, build.resolve("demonstration")).run(
                    ServerParts.of(Path.of(System.getProperty("qwenimage.nifi.parts"))),
                    Path.of(System.getProperty("qwenimage.nar")),
                    Path.of(System.getProperty("qwenimage.flow.templates")), options);
        } catch (final IllegalStateException e) {
            System.err.println(e.getMessage());
            System.exit(1);
        }
    }

    private void run(final ServerParts parts, final Path nar, final Path templates, final List<String> options)
            throws IOException, InterruptedException {
        out.println("Starting NiFi ...");
        try (NiFiInstance nifi = NiFiInstance.start(parts, home.resolve("nifi"), freeOr(CANVAS_PORT),
                List.of("-Xmx2g"))) {
            out.println("NiFi " + nifi.client().version() + " runs at " + nifi.canvas() + "; its log is "
                    + nifi.home().resolve("logs/nifi-app.log"));
            final int processors = nifi.deploy(nar);
            out.println("Loaded " + nar.getFileName() + " into the running NiFi: " + processors + " processors");
            final TextToImageFlow flow = TextToImageFlow.start(nifi, templates.resolve(TextToImageFlow.TEMPLATE), home,
                    freeOr(PROMPT_PORT));
            out.println("Imported and started " + TextToImageFlow.TEMPLATE);
            sayWhatTheModelIs();
            final Map<Path, Long> before = TextToImageFlow.files(flow.pictures());
            final int failuresBefore = TextToImageFlow.files(flow.failures()).size();
            final Map<String, String> sent = send(flow);
            awaitPictures(flow, before, failuresBefore);
            final ContactSheet sheet = new ContactSheet();
            for (final Map.Entry<String, String> picture : sent.entrySet()) {
                sheet.add(flow.pictures().resolve(picture.getKey() + ".png"), picture.getValue());
            }
            look(nifi, templates, flow.pictures().resolve(SHOWN + ".png"), sheet);
            sheet.write(home.resolve(SHEET));
            out.println();
            out.println("Pictures: " + flow.pictures());
            out.println("On one sheet, with prompts, caption and boxes: " + home.resolve(SHEET));
            out.println("Canvas:   " + nifi.canvas() + "#/process-groups/" + flow.group().id());
            if (options.contains(MEASURE)) {
                new Overhead(nifi, flow).print(out);
            }
            if (options.contains(ONCE)) {
                return;
            }
            out.println("More:     put a text file into " + flow.prompts() + ", or");
            out.println("          curl -d \"two green circles\" \"" + flow.door() + "?seed=7\"");
            out.println("NiFi runs until Ctrl-C.");
            final int status = nifi.awaitEnd();
            out.println("NiFi has ended with status " + status);
        }
    }

    private void sayWhatTheModelIs() throws IOException {
        try (InputStream card = Demonstration.class.getResourceAsStream("/io/qwenimage/demo/qwenimage.json")) {
            if (card == null) {
                throw new IllegalStateException("The embedded demo model is missing from "
                        + "nifi-qwenimage-processors/target/classes: delete that folder and run again");
            }
            final JsonNode model = NiFiClient.JSON.readTree(card);
            out.println("Model: " + model.path("display_name").asText());
            if (!model.path("trained").asBoolean()) {
                out.println("The demo model has random weights: its pictures show that the flow works, "
                        + "not what the prompts say.");
            }
        }
    }

    /** What each picture will be called, and its prompt. */
    private Map<String, String> send(final TextToImageFlow flow) throws IOException, InterruptedException {
        final Map<String, String> sent = new LinkedHashMap<>();
        for (final Map.Entry<String, String> prompt : FILE_PROMPTS.entrySet()) {
            flow.sendFile(prompt.getKey() + ".txt", prompt.getValue().getBytes(StandardCharsets.UTF_8));
            out.println("Sent as the file " + prompt.getKey() + ".txt: " + prompt.getValue());
            sent.put(prompt.getKey(), prompt.getValue());
        }
        sent.put(flow.sendHttp(HTTP_PROMPT, "seed=7"), HTTP_PROMPT);
        out.println("Sent over HTTP: " + HTTP_PROMPT);
        return sent;
    }

    /** Captions a picture and finds things in it, in flows of their own. */
    private void look(final NiFiInstance nifi, final Path templates, final Path picture, final ContactSheet sheet)
            throws IOException, InterruptedException {
        final byte[] content = Files.readAllBytes(picture);
        final Path folder = Files.createTempDirectory(home, "look-");
        final String name = picture.getFileName().toString();
        try (PictureFlow captions = PictureFlow.start(nifi, templates.resolve(PictureFlow.CAPTION),
                folder.resolve("caption"), Map.of());
                PictureFlow boxes = PictureFlow.start(nifi, templates.resolve(PictureFlow.GROUND),
                folder.resolve("ground"), Map.of("phrases", PHRASES))) {
            out.println("Imported and started " + PictureFlow.CAPTION + " and " + PictureFlow.GROUND);
            captions.send(name, content);
            boxes.send(name, content);
            final String caption = captions.awaitIndex(1, PICTURES_LIMIT).getFirst().path("caption").asText();
            out.println("Caption of " + name + ": " + caption);
            sheet.add(picture, "Caption: " + caption);
            final Path annotated = boxes.awaitAnswer(PICTURES_LIMIT);
            if (annotated == null) {
                out.println("Looked for in " + name + ": " + PHRASES + "; nothing was found");
                return;
            }
            out.println("Looked for in " + name + ": " + PHRASES + "; found: " + boxes.boxes());
            sheet.add(annotated, "Looked for: " + PHRASES);
        }
    }

    private void awaitPictures(final TextToImageFlow flow, final Map<Path, Long> before, final int failuresBefore)
            throws IOException, InterruptedException {
        final int wanted = FILE_PROMPTS.size() + 1;
        final long start = System.nanoTime();
        final List<Path> arrived = new ArrayList<>();
        final Set<String> told = new HashSet<>();
        final Poll poll = new Poll(wanted + " pictures", PICTURES_LIMIT, () -> "");
        poll.until(() -> {
            for (final Map.Entry<Path, Long> picture : TextToImageFlow.files(flow.pictures()).entrySet()) {
                if (!arrived.contains(picture.getKey()) && !picture.getValue().equals(before.get(picture.getKey()))) {
                    arrived.add(picture.getKey());
                    out.printf("%5.1f s  %s%n", (System.nanoTime() - start) / 1e9, picture.getKey());
                }
            }
            for (final String bulletin : flow.group().bulletins()) {
                if (told.add(bulletin)) {
                    out.println("        " + bulletin);
                }
            }
            if (TextToImageFlow.files(flow.failures()).size() > failuresBefore) {
                throw new IllegalStateException("A prompt failed; it is kept in " + flow.failures());
            }
            return arrived.size();
        }, count -> count >= wanted);
    }

    private static int freeOr(final int preferred) throws IOException {
        return NiFiInstance.isFree(preferred) ? preferred : NiFiInstance.freePort();
    }

    private static Map<String, String> filePrompts() {
        final Map<String, String> prompts = new LinkedHashMap<>();
        prompts.put("red-circle", "a red circle");
        prompts.put(SHOWN, "a large green triangle above a large blue square");
        prompts.put("yellow-star", "a large yellow star on a black background");
        prompts.put("purple-square", "a small purple square in the top left corner");
        prompts.put("orange-and-black", "a large orange circle to the left of a large black square on a blue background");
        prompts.put("graded", "Draw a large black triangle on a pink gradient.");
        prompts.put("two-circles", "two green circles");
        return Collections.unmodifiableMap(prompts);
    }
}
