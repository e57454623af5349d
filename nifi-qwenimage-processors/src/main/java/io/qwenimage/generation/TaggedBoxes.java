package io.qwenimage.generation;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Boxes between tags, as Qwen-VL and Qwen2-VL write them; the closing tag may be missing. And points in XML. */
final class TaggedBoxes {
    private static final int CORNERS = 4;
    private static final Pattern TAG = Pattern.compile("<ref>|</ref>|<box>|</box>|<\\|object_ref_start\\|>"
            + "|<\\|object_ref_end\\|>|<\\|box_start\\|>|<\\|box_end\\|>");
    private static final Pattern NUMBER = Pattern.compile("-?\\d{1,12}(?:\\.\\d{1,12})?");
    private static final String PAIR = "[(\\[]\\s*(-?\\d{1,12}(?:\\.\\d{1,12})?)\\s*,\\s*(-?\\d{1,12}(?:\\.\\d{1,12})?)"
            + "\\s*[)\\]]";
    private static final Pattern BARE = Pattern.compile(PAIR + "\\s*,?\\s*" + PAIR);
    private static final Pattern POINTS = Pattern.compile("<points?\\s([^<>]{0,20000})>([^<]*)");
    private static final Pattern ATTRIBUTE = Pattern.compile("([A-Za-z]{1,20})(\\d{0,5})\\s*=\\s*[\"']([^\"']*)[\"']");
    /** What stands between one box and the next label, apart from the label. */
    private static final Pattern AROUND_LABELS = Pattern.compile("^[\\s,.;:*-]+|[\\s,.;:*-]+$");

    private TaggedBoxes() {
    }

    static BoxAnswer read(final String text) {
        final List<BoxAnswer.Area> areas = new ArrayList<>();
        BoxConvention convention = BoxConvention.BOX_TOKENS;
        String label = "";
        String open = "";
        int from = 0;
        final Matcher tags = TAG.matcher(text);
        boolean found = true;
        while (found) {
            found = tags.find();
            final String between = text.substring(from, found ? tags.start() : text.length());
            switch (open) {
                case "<ref>", "<|object_ref_start|>" -> label = between.strip();
                case "<box>", "<|box_start|>" -> {
                    convention = open.equals("<box>") ? BoxConvention.REFERENCE_TAGS : BoxConvention.BOX_TOKENS;
                    add(areas, label, between);
                }
                default -> {
                    // Prose between the tags.
                }
            }
            if (found) {
                open = tags.group();
                from = tags.end();
            }
        }
        return new BoxAnswer(convention, areas.stream().distinct().toList());
    }

    /** {@code <points x1="..." y1="..." x2="..." y2="..." alt="label">label</points>}, as Qwen2.5-VL may answer. */
    static List<BoxAnswer.Area> readPoints(final String text) {
        final List<BoxAnswer.Area> areas = new ArrayList<>();
        final Matcher elements = POINTS.matcher(text);
        while (elements.find()) {
            final Map<String, String> attributes = new LinkedHashMap<>();
            ATTRIBUTE.matcher(elements.group(1)).results().forEach(match ->
                    attributes.putIfAbsent(match.group(1) + match.group(2), match.group(3).strip()));
            final String label = attributes.getOrDefault("alt", elements.group(2).strip());
            attributes.forEach((name, x) -> {
                final String y = name.startsWith("x") ? attributes.get("y" + name.substring(1)) : null;
                if (y != null && number(x).length == 1 && number(y).length == 1) {
                    areas.add(BoxAnswer.Area.point(label, number(x)[0], number(y)[0]));
                }
            });
        }
        return areas.stream().distinct().toList();
    }

    /** Corners in parentheses after a label, which is what is left where special tokens were dropped. */
    static List<BoxAnswer.Area> readBare(final String text) {
        final List<BoxAnswer.Area> areas = new ArrayList<>();
        final Matcher pairs = BARE.matcher(text);
        int from = 0;
        while (pairs.find()) {
            final String line = text.substring(from, pairs.start());
            final String label = line.substring(line.lastIndexOf('\n') + 1);
            areas.add(BoxAnswer.Area.box(AROUND_LABELS.matcher(label).replaceAll(""),
                    Double.parseDouble(pairs.group(1)), Double.parseDouble(pairs.group(2)),
                    Double.parseDouble(pairs.group(3)), Double.parseDouble(pairs.group(4))));
            from = pairs.end();
        }
        return areas.stream().distinct().toList();
    }

    private static void add(final List<BoxAnswer.Area> areas, final String label, final String coordinates) {
        final double[] numbers = numbers(coordinates);
        for (int i = 0; i + CORNERS <= numbers.length; i += CORNERS) {
            areas.add(BoxAnswer.Area.box(label, numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3]));
        }
        if (numbers.length == 2) {
            areas.add(BoxAnswer.Area.point(label, numbers[0], numbers[1]));
        }
    }

    /** The numbers in a text. */
    static double[] numbers(final String text) {
        return NUMBER.matcher(text).results().mapToDouble(match -> Double.parseDouble(match.group())).toArray();
    }

    /** The number that a text is, or none. */
    static double[] number(final String text) {
        return NUMBER.matcher(text).matches() ? new double[] {Double.parseDouble(text)} : new double[0];
    }
}
