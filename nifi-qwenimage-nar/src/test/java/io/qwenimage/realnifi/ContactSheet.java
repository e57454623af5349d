package io.qwenimage.realnifi;

import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;

/** Pictures side by side, each with the words that belong to it printed below. */
final class ContactSheet {
    private static final int COLUMNS = 5;
    private static final int SIDE = 256;
    private static final int GAP = 16;
    private static final int LINES = 3;
    private static final int LINE_HEIGHT = 19;
    private static final int CELL_HEIGHT = SIDE + LINES * LINE_HEIGHT + GAP;
    private static final Color PAPER = new Color(0xf7f7f5);

    private final List<BufferedImage> pictures = new ArrayList<>();
    private final List<String> words = new ArrayList<>();

    void add(final Path picture, final String text) throws IOException {
        pictures.add(ImageIO.read(picture.toFile()));
        words.add(text);
    }

    /** Writes the sheet as PNG. */
    void write(final Path file) throws IOException {
        final int columns = Math.min(COLUMNS, pictures.size());
        final int rows = (pictures.size() + columns - 1) / columns;
        final BufferedImage sheet = new BufferedImage(columns * (SIDE + GAP) + GAP, rows * (CELL_HEIGHT + GAP) + GAP,
                BufferedImage.TYPE_INT_RGB);
        final Graphics2D graphics = sheet.createGraphics();
        try {
            graphics.setColor(PAPER);
            graphics.fillRect(0, 0, sheet.getWidth(), sheet.getHeight());
            graphics.setRenderingHint(RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
            graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING,
                    RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
            final FontMetrics metrics = metrics(graphics);
            for (int index = 0; index < pictures.size(); index++) {
                final int x = GAP + index % columns * (SIDE + GAP);
                final int y = GAP + index / columns * (CELL_HEIGHT + GAP);
                graphics.drawImage(pictures.get(index), x, y, SIDE, SIDE, null);
                if (metrics != null) {
                    graphics.setColor(Color.BLACK);
                    int line = y + SIDE + LINE_HEIGHT;
                    for (final String part : wrapped(words.get(index), metrics)) {
                        graphics.drawString(part, x, line);
                        line += LINE_HEIGHT;
                    }
                }
            }
        } finally {
            graphics.dispose();
        }
        ImageIO.write(sheet, "png", file.toFile());
    }

    /** Null on a system without fonts: the pictures still show, and their words are told beside them. */
    private static FontMetrics metrics(final Graphics2D graphics) {
        try {
            graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 15));
            return graphics.getFontMetrics();
        } catch (final RuntimeException | LinkageError | InternalError e) {
            return null;
        }
    }

    private static List<String> wrapped(final String text, final FontMetrics metrics) {
        final List<String> lines = new ArrayList<>();
        String line = "";
        for (final String word : text.split(" ")) {
            final String longer = line.isEmpty() ? word : line + " " + word;
            if (!line.isEmpty() && metrics.stringWidth(longer) > SIDE) {
                lines.add(line);
                line = word;
            } else {
                line = longer;
            }
        }
        lines.add(line);
        return lines.subList(0, Math.min(LINES, lines.size()));
    }
}
