package io.qwenimage.image;

import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;

/** Draws boxes and points with their labels, and cuts boxes out; pictures are copied, never changed. */
public final class Annotator {
    /** Seven colours that people tell apart whatever their eyes (Okabe and Ito), after a clear red. */
    private static final List<Color> COLOURS = List.of(new Color(0xe6194b), new Color(0x0072b2), new Color(0x009e73),
            new Color(0xe69f00), new Color(0xcc79a7), new Color(0x56b4e9), new Color(0xd55e00), new Color(0xf0e442));
    private static final int LINES_PER_SIDE = 250;
    private static final int TEXTS_PER_SIDE = 32;
    private static final int SMALLEST_TEXT = 11;
    private static final int BRIGHT = 150;
    private static final int LONGEST_LABEL = 60;

    private Annotator() {
    }

    /**
     * A copy of a picture with boxes and points; equal labels have equal colours. Lines and letters grow with the
     * picture. On a machine without fontconfig Java has no letters, and boxes come without labels.
     *
     * @throws IllegalArgumentException if a box or point lies outside of the picture
     */
    public static RgbImage draw(final RgbImage image, final List<LabelledBox> boxes,
            final List<LabelledPoint> points) {
        boxes.forEach(box -> check(image, box));
        points.forEach(point -> check(image, new LabelledBox(point.label(), point.x(), point.y(), point.x() + 1,
                point.y() + 1)));
        final BufferedImage canvas = RgbImages.toBufferedImage(image);
        final Graphics2D graphics = canvas.createGraphics();
        try {
            new Drawing(graphics, image).draw(boxes, points);
        } finally {
            graphics.dispose();
        }
        return RgbImages.fromBufferedImage(canvas);
    }

    /**
     * The part of a picture that a box covers.
     *
     * @throws IllegalArgumentException if the box reaches beyond the picture
     */
    public static RgbImage crop(final RgbImage image, final LabelledBox box) {
        check(image, box);
        final int row = 3 * box.width();
        final byte[] rgb = new byte[row * box.height()];
        for (int y = 0; y < box.height(); y++) {
            System.arraycopy(image.rgb(), 3 * ((box.y1() + y) * image.width() + box.x1()), rgb, y * row, row);
        }
        return new RgbImage(box.width(), box.height(), rgb);
    }

    private static void check(final RgbImage image, final LabelledBox box) {
        if (box.x2() > image.width() || box.y2() > image.height()) {
            throw new IllegalArgumentException(box + " reaches beyond a picture of " + ImageSize.of(image)
                    + " pixels; give a box of this picture");
        }
    }

    /** One picture being drawn on. */
    private static final class Drawing {
        private final Graphics2D graphics;
        private final RgbImage image;
        private final int line;
        private final boolean lettered;
        private final List<String> labels = new ArrayList<>();

        Drawing(final Graphics2D graphics, final RgbImage image) {
            this.graphics = graphics;
            this.image = image;
            final int side = Math.min(image.width(), image.height());
            line = Math.max(1, Math.round((float) side / LINES_PER_SIDE));
            graphics.setFont(new Font(Font.SANS_SERIF, Font.BOLD, Math.max(SMALLEST_TEXT, side / TEXTS_PER_SIDE)));
            graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING,
                    RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
            lettered = hasFonts(graphics);
        }

        void draw(final List<LabelledBox> boxes, final List<LabelledPoint> points) {
            for (final LabelledBox box : boxes) {
                final Color colour = colour(box.label());
                graphics.setColor(colour);
                // Inside of the box, so that its outermost pixels are those of the line.
                for (int i = 0; i < line && 2 * i < Math.min(box.width(), box.height()); i++) {
                    drawFrame(box.x1() + i, box.y1() + i, box.x2() - 1 - i, box.y2() - 1 - i);
                }
            }
            for (final LabelledPoint point : points) {
                graphics.setColor(colour(point.label()));
                graphics.fillOval(point.x() - 2 * line, point.y() - 2 * line, 4 * line + 1, 4 * line + 1);
            }
            // Labels last: a line must not run through one.
            boxes.forEach(box -> drawLabel(box.label(), box.x1(), box.y1()));
            points.forEach(point -> drawLabel(point.label(), point.x() + 3 * line, point.y()));
        }

        /** Java finds its fonts through native libraries that small Linux images leave out. */
        private static boolean hasFonts(final Graphics2D graphics) {
            try {
                return graphics.getFontMetrics().getHeight() > 0;
            } catch (LinkageError | InternalError e) {
                return false;
            }
        }

        private void drawFrame(final int left, final int top, final int right, final int bottom) {
            graphics.fillRect(left, top, right - left + 1, 1);
            graphics.fillRect(left, bottom, right - left + 1, 1);
            graphics.fillRect(left, top, 1, bottom - top + 1);
            graphics.fillRect(right, top, 1, bottom - top + 1);
        }

        /** Above the corner where there is room, else below its edge; always inside the picture, if it fits at all. */
        private void drawLabel(final String label, final int cornerX, final int cornerY) {
            final String text = shortened(label);
            if (text.isEmpty() || !lettered) {
                return;
            }
            final FontMetrics metrics = graphics.getFontMetrics();
            final int padding = 1 + metrics.getHeight() / 8;
            final int width = metrics.stringWidth(text) + 2 * padding;
            final int height = metrics.getAscent() + metrics.getDescent();
            final int x = Math.max(0, Math.min(cornerX, image.width() - width));
            final int above = cornerY - height;
            final int y = above >= 0 ? above : Math.max(0, Math.min(cornerY, image.height() - height));
            final Color colour = colour(label);
            graphics.setColor(colour);
            graphics.fillRect(x, y, width, height);
            graphics.setColor(isBright(colour) ? Color.BLACK : Color.WHITE);
            graphics.drawString(text, x + padding, y + metrics.getAscent());
        }

        private Color colour(final String label) {
            if (!labels.contains(label)) {
                labels.add(label);
            }
            return COLOURS.get(labels.indexOf(label) % COLOURS.size());
        }

        private static String shortened(final String label) {
            final String line = label.replaceAll("\\s+", " ").strip();
            return line.codePointCount(0, line.length()) <= LONGEST_LABEL ? line
                    : line.substring(0, line.offsetByCodePoints(0, LONGEST_LABEL)) + "\u2026";
        }

        /** By the luma of ITU-R BT.601. */
        private static boolean isBright(final Color colour) {
            return (299 * colour.getRed() + 587 * colour.getGreen() + 114 * colour.getBlue()) / 1000 > BRIGHT;
        }
    }
}
