package io.qwenimage.generation;

import io.qwenimage.image.ImageSize;
import io.qwenimage.image.LabelledBox;
import io.qwenimage.image.LabelledPoint;
import java.util.List;

/**
 * The boxes and points that an answer names, in the units in which it names them.
 *
 * @param convention what the units are
 * @param areas      boxes, corners in order, and points, in the order of the answer; nothing twice
 */
public record BoxAnswer(BoxConvention convention, List<Area> areas) {
    /**
     * A box, or a point.
     *
     * @param label empty if the answer names none
     * @param point whether it is a point; both corners are it then
     */
    public record Area(String label, boolean point, double x1, double y1, double x2, double y2) {
        /** A box between two corners, whichever they are. */
        static Area box(final String label, final double x1, final double y1, final double x2, final double y2) {
            return new Area(label, false, Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2));
        }

        static Area point(final String label, final double x, final double y) {
            return new Area(label, true, x, y, x, y);
        }
    }

    public BoxAnswer {
        areas = List.copyOf(areas);
    }

    /**
     * Reads an answer in any of the conventions: tags, tokens, JSON that may be fenced, surrounded by prose, cut off or
     * misspelt, or points in XML. What cannot be read as a box is passed over.
     *
     * @param markedText the answer with its special tokens
     * @param modelType  {@code model_type} of the model that gave it: decides what numbers in JSON mean
     */
    public static BoxAnswer read(final String markedText, final String modelType) {
        final BoxConvention json = BoxConvention.ofJson(modelType);
        final BoxAnswer tagged = TaggedBoxes.read(markedText);
        if (!tagged.areas().isEmpty()) {
            return tagged;
        }
        final List<Area> written = JsonBoxes.read(markedText);
        if (!written.isEmpty()) {
            return new BoxAnswer(json, written);
        }
        final List<Area> points = TaggedBoxes.readPoints(markedText);
        if (!points.isEmpty()) {
            return new BoxAnswer(json, points);
        }
        return new BoxAnswer(json == BoxConvention.RESIZED_PIXELS ? json : BoxConvention.BOX_TOKENS,
                TaggedBoxes.readBare(markedText));
    }

    /**
     * The boxes in whole pixels of the original, corners rounded to the nearest pixel. What reaches beyond the picture
     * is cut at its border, boxes wholly outside are left out, and a box thinner than a pixel covers one.
     *
     * @param resized the size that the model saw
     */
    public List<LabelledBox> boxes(final ImageSize original, final ImageSize resized) {
        final double unitX = convention.horizontalUnit(original, resized);
        final double unitY = convention.verticalUnit(original, resized);
        return areas.stream().filter(area -> !area.point())
                .filter(area -> touches(area.x1() * unitX, area.x2() * unitX, original.width())
                        && touches(area.y1() * unitY, area.y2() * unitY, original.height()))
                .map(area -> {
                    final int x1 = rounded(area.x1() * unitX, original.width() - 1);
                    final int y1 = rounded(area.y1() * unitY, original.height() - 1);
                    return new LabelledBox(area.label(), x1, y1,
                            Math.max(x1 + 1, rounded(area.x2() * unitX, original.width())),
                            Math.max(y1 + 1, rounded(area.y2() * unitY, original.height())));
                }).distinct().toList();
    }

    /** The points in whole pixels of the original; those outside of it are left out. */
    public List<LabelledPoint> points(final ImageSize original, final ImageSize resized) {
        final double unitX = convention.horizontalUnit(original, resized);
        final double unitY = convention.verticalUnit(original, resized);
        return areas.stream().filter(Area::point)
                .filter(area -> touches(area.x1() * unitX, area.x1() * unitX, original.width())
                        && touches(area.y1() * unitY, area.y1() * unitY, original.height()))
                .map(area -> new LabelledPoint(area.label(), rounded(area.x1() * unitX, original.width() - 1),
                        rounded(area.y1() * unitY, original.height() - 1))).distinct().toList();
    }

    /** A box without breadth may lie on the border: the outermost column rounds to it in coarse units. */
    private static boolean touches(final double low, final double high, final int length) {
        return low < length && high > 0 || low == high && low >= 0 && low <= length;
    }

    private static int rounded(final double value, final int highest) {
        return (int) Math.max(0, Math.min(highest, Math.round(value)));
    }
}
