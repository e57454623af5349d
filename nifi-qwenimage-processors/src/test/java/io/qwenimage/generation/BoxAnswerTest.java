package io.qwenimage.generation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.image.ImageException;
import io.qwenimage.image.ImageSize;
import io.qwenimage.image.LabelledBox;
import io.qwenimage.image.LabelledPoint;
import io.qwenimage.image.SmartResize;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class BoxAnswerTest {
    private static final int CASES = 2000;
    private static final ImageSize THOUSAND = new ImageSize(1000, 1000);
    private static final String QWEN25 = "qwen2_5_vl";
    private static final String QWEN3 = "qwen3_vl";
    private static final List<String> LABELS = List.of("cat", "红色的风筝", "a \"quoted\" sign", "br[ack]et {s}",
            "it's; here", "line\nbreak", "");

    /** Whole units of the coarser conventions stand for more than a pixel of large pictures; half of one is the bound. */
    @ParameterizedTest
    @EnumSource(BoxConvention.class)
    void anyBoxComesBackWithinOnePixelThroughEveryResize(final BoxConvention convention) {
        final SplittableRandom random = new SplittableRandom(7 + convention.ordinal());
        for (int i = 0; i < CASES; i++) {
            final ImageSize original = new ImageSize(1 + random.nextInt(random.nextBoolean() ? 2000 : 9000),
                    1 + random.nextInt(2000));
            final ImageSize resized = resized(original, random);
            final List<LabelledBox> drawn = boxes(original, random);

            final List<LabelledBox> read = BoxAnswer.read(written(convention, drawn, original, resized, random),
                    model(convention)).boxes(original, resized);

            assertClose(drawn, read, bound(convention.horizontalUnit(original, resized)),
                    bound(convention.verticalUnit(original, resized)),
                    original + " seen as " + resized);
        }
    }

    @Test
    void cutOffAnswersKeepTheBoxesThatAreWhole() {
        final SplittableRandom random = new SplittableRandom(11);
        for (int i = 0; i < CASES; i++) {
            final BoxConvention convention = BoxConvention.values()[random.nextInt(BoxConvention.values().length)];
            final List<LabelledBox> drawn = boxes(THOUSAND, random);
            final String whole = written(convention, drawn, THOUSAND, THOUSAND, random);
            final int end = random.nextInt(whole.length() + 1);

            final List<LabelledBox> read = BoxAnswer.read(whole.substring(0, end), model(convention))
                    .boxes(THOUSAND, THOUSAND);

            assertTrue(read.size() <= drawn.size(), whole);
            if (convention == BoxConvention.RESIZED_PIXELS || convention == BoxConvention.THOUSANDTHS) {
                for (int k = 0; k < read.size(); k++) {
                    assertEquals(corners(drawn.get(k)), corners(read.get(k)), whole.substring(0, end));
                }
            }
        }
    }

    @Test
    void noTextIsTooStrange() {
        final SplittableRandom random = new SplittableRandom(13);
        final String alphabet = "[]{}()\"':,.-0123456789 \nbbox_2dlabel<|/>`\\";
        final List<String> words = List.of("\"bbox_2d\": [", "<|box_start|>", "<box>", "</ref>", "```json", "(1,2),(3,4)",
                "\"label\": \"", "[[[[", "point_2d", "1e999", "-99999999999999999999");
        for (int i = 0; i < CASES; i++) {
            final StringBuilder text = new StringBuilder();
            for (int length = random.nextInt(60); length > 0; length--) {
                text.append(random.nextInt(4) == 0 ? words.get(random.nextInt(words.size()))
                        : String.valueOf(alphabet.charAt(random.nextInt(alphabet.length()))));
            }
            final BoxAnswer answer = BoxAnswer.read(text.toString(), QWEN25);
            for (final LabelledBox box : answer.boxes(new ImageSize(50, 40), THOUSAND)) {
                assertTrue(box.x2() <= 50 && box.y2() <= 40, text + " gives " + box);
            }
            for (final LabelledPoint point : answer.points(new ImageSize(50, 40), THOUSAND)) {
                assertTrue(point.x() < 50 && point.y() < 40, text + " gives " + point);
            }
        }
    }

    @Test
    void longAnswersOfOpenBracketsAreReadInLinearTime() {
        assertEquals(List.of(), BoxAnswer.read("[{".repeat(100_000), QWEN3).areas());
        assertEquals(List.of(), BoxAnswer.read("(".repeat(200_000), QWEN3).areas());
        assertEquals(1, BoxAnswer.read("[x ".repeat(50_000) + "{\"bbox_2d\": [1, 2, 3, 4]}", QWEN3).areas().size());
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "```json\n[\n\t{\"bbox_2d\": [10, 20, 30, 40], \"label\": \"cat\"},\n]\n```",
        "Here it is: {'bbox_2d': ['10', '20', '30', '40'], 'label': 'cat'}. Anything else?",
        "[{\"label\": \"cat\", \"bbox_2d\": [30, 40, 10, 20]}]",
        "[{\"bbox_2d\": [10, 40, 30, 20], \"label\": \"cat\", \"score\": 0.9}, {\"bbox_2d\": [10, 20, 30",
        "{\"objects\": [{bbox_2d: [10.0, 20.4, 30, 39.6], label: \"cat\"}]}",
        "{\"cat\": [10, 20, 30, 40]}",
        "{\"cat\": {\"bbox_2d\": [[10, 20], [30, 40]]}}",
        "{\"bbox_2d\": [[10, 20, 30, 40], [10, 20, 30, 40], [5, 6",
        "{\"label\": \"cat\", \"bbox\": {\"x1\": 10, \"y1\": 20, \"x2\": 30, \"y2\": 40}}",
        "{\"label\": \"cat\", \"bbox_2d\": \"10, 20, 30, 40\"}",
        "[see below] {\"bbox_2d\": [10, 20, 30, 40], \"label\": \"cat\"} [end",
        "[{\"bbox_2d\": [1 2, 3, 4], \"label\": \"dog\"} {\"bbox_2d\": [10, 20, 30, 40], \"label\": \"cat\"}]",
        "[{\"bbox_2d\": [10, 20, 30, 40], \"label\": \"cat\"} {\"bbox_2d\": [10, 20, 30, 40], \"label\": \"cat\"}]",
        "[10, 20, 30, 40]",
        "cat: (10, 20), (30, 40)",
        "cat(10,20),(30,40)",
        "<ref>cat</ref><|box_start|>(10,20),(30,40)<|box_end|>",
        "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(10,20),(30,40)",
        "<|box_start|>[10, 20, 30, 40]<|box_end|><|im_end|>",
        "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(10,20),(30,40)<|box_end|><|box_start|>(10,20),(30",
    })
    void slipsAreForgiven(final String text) {
        final List<LabelledBox> boxes = BoxAnswer.read(text, QWEN3).boxes(THOUSAND, THOUSAND);

        assertEquals(Set.of(List.of(10, 20, 30, 40)), boxes.stream().map(BoxAnswerTest::corners)
                .collect(Collectors.toSet()), text);
        assertTrue(boxes.stream().allMatch(box -> Set.of("cat", "").contains(box.label())), boxes::toString);
        assertEquals(text.contains("cat"), boxes.stream().anyMatch(box -> box.label().equals("cat")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "There is no cat.", "[]", "```json\n[]\n```", "{\"bbox_2d\": null}",
        "{\"bbox_2d\": [1, 2, 3]}", "{\"bbox_2d\": [1, 2, 3, 4", "{\"size\": [1, 2]}", "(1, 2)",
        "{\"bbox_2d\": [1, 2, 3, \"wide\"]}", "{\"label\": \"cat\"}", "<box></box>", "[\"one\", \"2 cats\"]"})
    void noBoxIsNoBox(final String text) {
        assertEquals(List.of(), BoxAnswer.read(text, QWEN25).areas(), text);
    }

    @Test
    void theGenerationDecidesWhatNumbersInJsonMean() {
        final String json = "[{\"bbox_2d\": [100, 200, 300, 400], \"label\": \"cat\"}]";
        final ImageSize original = new ImageSize(2000, 1000);
        final ImageSize resized = new ImageSize(500, 250);

        assertEquals(List.of(new LabelledBox("cat", 400, 800, 1200, 1000)),
                BoxAnswer.read(json, QWEN25).boxes(original, resized));
        assertEquals(List.of(new LabelledBox("cat", 200, 200, 600, 400)),
                BoxAnswer.read(json, QWEN3).boxes(original, resized));
        assertEquals(BoxAnswer.read(json, QWEN3).areas(), BoxAnswer.read(json, "qwen2_vl").areas());
        assertEquals(BoxConvention.THOUSANDTHS, BoxAnswer.read(json, "qwen3_vl_moe").convention());
        assertEquals(List.of(new LabelledBox("cat", 0, 0, 2000, 1000)), BoxAnswer.read(
                "<ref>cat</ref><box>(0,0),(999,999)</box>", QWEN25).boxes(original, resized));
        assertEquals(List.of(new LabelledBox("cat", 0, 0, 2000, 1000)), BoxAnswer.read(
                "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(0,0),(1000,1000)<|box_end|>", QWEN25)
                .boxes(original, resized));
    }

    @Test
    void boxesAreCutAtTheBorderAndDroppedBeyondIt() {
        assertEquals(List.of(new LabelledBox("in", 0, 0, 10, 20)), pixels("in", -5, -7, 10, 20));
        assertEquals(List.of(new LabelledBox("in", 90, 70, 100, 80)), pixels("in", 90, 70, 500, 1e9));
        assertEquals(List.of(new LabelledBox("in", 99, 10, 100, 20)), pixels("in", 100, 10, 100, 20));
        assertEquals(List.of(new LabelledBox("in", 40, 10, 41, 11)), pixels("in", 40, 10, 40, 10));
        assertEquals(List.of(), pixels("out", 100, 10, 120, 20));
        assertEquals(List.of(), pixels("out", 10, -20, 20, 0));
        assertEquals(List.of(), pixels("out", 101, 10, 101, 20));
        assertEquals(List.of(), pixels("out", -3, 10, -3, 20));
    }

    @Test
    void pointsAreReadToo() {
        final ImageSize original = new ImageSize(200, 100);
        final BoxAnswer answer = BoxAnswer.read("[{\"point_2d\": [50, 25], \"label\": \"eye\"}, {\"point_2d\": [\"100\", "
                + "\"50\"], \"label\": \"corner\"}, {\"point_2d\": [101, 50], \"label\": \"out\"}, {\"bbox_2d\": [1, 2], "
                + "\"label\": \"short\"}, {\"point_2d\": [5", QWEN25);

        assertEquals(List.of(new LabelledPoint("eye", 100, 50), new LabelledPoint("corner", 199, 99),
                new LabelledPoint("short", 2, 4)), answer.points(original, new ImageSize(100, 50)));
        assertEquals(List.of(), answer.boxes(original, new ImageSize(100, 50)));
        assertEquals(List.of(new LabelledPoint("eye", 100, 50)), BoxAnswer.read(
                "<|object_ref_start|>eye<|object_ref_end|><|box_start|>(500,500)<|box_end|>", QWEN25)
                .points(original, original));
    }

    @Test
    void labelsOfTextAreTheText() {
        assertEquals("EXIT", BoxAnswer.read("[{\"bbox_2d\": [1, 2, 3, 4], \"text_content\": \"EXIT\"}]", QWEN3).areas()
                .get(0).label());
    }

    private static List<LabelledBox> pixels(final String label, final double... corners) {
        return new BoxAnswer(BoxConvention.RESIZED_PIXELS, List.of(BoxAnswer.Area.box(label, corners[0], corners[1],
                corners[2], corners[3]))).boxes(new ImageSize(100, 80), new ImageSize(100, 80));
    }

    /** Half a unit, and half a pixel of rounding; corners are whole pixels, so that short of 1.5 is 1. */
    private static int bound(final double unit) {
        return Math.max(1, (int) Math.floor(unit / 2 + 0.5 + 1e-9));
    }

    private static String model(final BoxConvention convention) {
        return convention == BoxConvention.RESIZED_PIXELS ? QWEN25 : QWEN3;
    }

    private static ImageSize resized(final ImageSize original, final SplittableRandom random) {
        final int factor = random.nextBoolean() ? 28 : 32;
        final long least = 4L * factor * factor;
        try {
            return SmartResize.of(original, factor, least, least * (1 + random.nextInt(4000)));
        } catch (ImageException e) {
            return new ImageSize(factor * (1 + random.nextInt(40)), factor * (1 + random.nextInt(40)));
        }
    }

    private static List<LabelledBox> boxes(final ImageSize size, final SplittableRandom random) {
        final List<LabelledBox> boxes = new ArrayList<>();
        for (int count = 1 + random.nextInt(5); count > 0; count--) {
            final int x1 = random.nextInt(size.width());
            final int y1 = random.nextInt(size.height());
            boxes.add(new LabelledBox(LABELS.get(random.nextInt(LABELS.size())) + count, x1, y1,
                    x1 + 1 + random.nextInt(size.width() - x1), y1 + 1 + random.nextInt(size.height() - y1)));
        }
        return boxes;
    }

    private static String written(final BoxConvention convention, final List<LabelledBox> boxes,
            final ImageSize original, final ImageSize resized, final SplittableRandom random) {
        final String text = boxes.stream().map(box -> {
            final String written = convention.write(box, original, resized);
            return switch (convention) {
                case REFERENCE_TAGS -> "<ref>" + box.label() + "</ref>" + written;
                case BOX_TOKENS -> "<|object_ref_start|>" + box.label() + "<|object_ref_end|>" + written;
                case RESIZED_PIXELS, THOUSANDTHS -> "{\"bbox_2d\": " + written + ", \"label\": \""
                        + box.label().replace("\"", "\\\"") + "\"}";
            };
        }).collect(Collectors.joining(convention == BoxConvention.BOX_TOKENS ? "" : ",\n"));
        if (convention == BoxConvention.REFERENCE_TAGS || convention == BoxConvention.BOX_TOKENS) {
            return random.nextBoolean() ? text : "I see " + text + ".";
        }
        return switch (random.nextInt(4)) {
            case 0 -> "[" + text + "]";
            case 1 -> "```json\n[\n" + text + ",\n]\n```";
            case 2 -> "The boxes are:\n[" + text;
            default -> text + "\nThat is all.";
        };
    }

    private static void assertClose(final List<LabelledBox> drawn, final List<LabelledBox> read, final int boundX,
            final int boundY, final String what) {
        assertEquals(drawn.size(), new HashSet<>(read).size(), () -> what + ": " + drawn + " came back as " + read);
        for (int i = 0; i < drawn.size(); i++) {
            final LabelledBox in = drawn.get(i);
            final LabelledBox out = read.get(i);
            assertEquals(in.label().strip(), out.label(), what);
            assertTrue(Math.abs(in.x1() - out.x1()) <= boundX && Math.abs(in.x2() - out.x2()) <= boundX
                    && Math.abs(in.y1() - out.y1()) <= boundY && Math.abs(in.y2() - out.y2()) <= boundY,
                    () -> what + ": " + in + " came back as " + out);
        }
    }

    private static List<Integer> corners(final LabelledBox box) {
        return List.of(box.x1(), box.y1(), box.x2(), box.y2());
    }
}
