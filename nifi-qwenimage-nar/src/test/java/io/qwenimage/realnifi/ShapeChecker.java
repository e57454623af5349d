package io.qwenimage.realnifi;

import java.awt.Rectangle;
import java.awt.geom.Point2D;
import java.awt.image.BufferedImage;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiPredicate;

/**
 * Says which simple things are on a plain or graded ground, by colours, contours and positions alone: it knows no model.
 * A blob is no shape, a thing of mixed colours has no colour, specks and extra things count. The same tests, with the
 * same limits, as {@code checker.py} beside the training of the demo model.
 */
final class ShapeChecker {
    /** Distance in RGB from the ground of the same row. */
    private static final double FOREGROUND = 42;
    /** Pixels; smaller parts are noise at edges. */
    private static final int SPECK = 12;
    private static final int SMALLEST = 90;
    private static final double COLOUR_REACH = 75;
    /** Deviation in RGB within a thing. */
    private static final double MIXED = 38;
    /** Intersection over union with the ideal shape in the same box. */
    private static final double OVERLAP = 0.84;
    /** A star's points are thin: a pixel more or less costs much of a small one. */
    private static final double STAR_OVERLAP = 0.74;
    private static final double ASPECT = 1.22;
    private static final int GRID = 48;
    /** Columns at either end of a row: nothing touches the margin, so what lies there is the ground. */
    private static final int MARGIN = 3;
    private static final int SMOOTHED_ROWS = 3;
    private static final Map<String, int[]> COLOURS = new TreeMap<>(Map.of("red", rgb(220, 40, 40),
            "green", rgb(40, 160, 60), "blue", rgb(40, 80, 220), "yellow", rgb(250, 210, 40),
            "orange", rgb(245, 130, 30), "purple", rgb(140, 50, 170), "black", rgb(25, 25, 25),
            "white", rgb(250, 250, 250)));
    private static final List<Ideal> IDEALS = List.of(
            new Ideal("circle", 1, 1, 1, (u, v) -> Math.hypot(u, v) < 1),
            new Ideal("square", 0.88, 0.88, 0.88, (u, v) -> Math.max(Math.abs(u), Math.abs(v)) < 0.88),
            new Ideal("triangle", 1.08, 1.2, 0.65,
                    (u, v) -> v < 0.65 && Math.abs(u) * 1.85 - (v + 1.2) * 1.08 < 0),
            new Ideal("star", 1.19, 1.25, 1.01, ShapeChecker::isInStar));

    private final int width;
    private final int height;
    /** [3, height, width], 0 to 255. */
    private final double[][][] pixels;

    private ShapeChecker(final BufferedImage picture) {
        width = picture.getWidth();
        height = picture.getHeight();
        pixels = new double[3][height][width];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                final int value = picture.getRGB(x, y);
                pixels[0][y][x] = value >> 16 & 0xff;
                pixels[1][y][x] = value >> 8 & 0xff;
                pixels[2][y][x] = value & 0xff;
            }
        }
    }

    /**
     * A thing.
     *
     * @param colour null if it has several
     * @param shape  null if it is none of the four
     */
    record Thing(String colour, String shape, Rectangle box) {
        Point2D middle() {
            return new Point2D.Double(box.getCenterX(), box.getCenterY());
        }

        String name() {
            return colour + " " + shape;
        }
    }

    /** The things, those further left first, and how many specks there are beside them. */
    record Sight(List<Thing> things, int specks) {
        List<String> names() {
            return things.stream().map(Thing::name).toList();
        }
    }

    /** A shape of radius 1 around the origin: half its width, how far it reaches up and down, what is inside. */
    private record Ideal(String name, double side, double up, double down, BiPredicate<Double, Double> inside) {
        double aspect() {
            return 2 * side / (up + down);
        }

        /** Whether the middle of a cell of GRID x GRID cells, stretched over the shape's box, is inside. */
        boolean covers(final int row, final int column) {
            final double u = ((column + 0.5) / GRID * 2 - 1) * side;
            return inside.test(u, (row + 0.5) / GRID * (up + down) - up);
        }
    }

    static Sight look(final BufferedImage picture) {
        return new ShapeChecker(picture).look();
    }

    private Sight look() {
        final List<Thing> things = new ArrayList<>();
        int specks = 0;
        for (final boolean[][] part : parts(foreground())) {
            final int area = area(part);
            if (area >= SMALLEST) {
                things.add(thing(part));
            } else if (area >= SPECK) {
                specks++;
            }
        }
        things.sort((a, b) -> Double.compare(a.middle().getX(), b.middle().getX()));
        return new Sight(things, specks);
    }

    private boolean[][] foreground() {
        final double[][] medians = new double[height][3];
        for (int y = 0; y < height; y++) {
            for (int c = 0; c < 3; c++) {
                final double[] ends = new double[2 * MARGIN];
                for (int i = 0; i < MARGIN; i++) {
                    ends[i] = pixels[c][y][i];
                    ends[MARGIN + i] = pixels[c][y][width - 1 - i];
                }
                medians[y][c] = median(ends);
            }
        }
        final boolean[][] mask = new boolean[height][width];
        for (int y = 0; y < height; y++) {
            final double[] ground = new double[3];
            for (int near = y - SMOOTHED_ROWS; near <= y + SMOOTHED_ROWS; near++) {
                for (int c = 0; c < 3; c++) {
                    ground[c] += medians[Math.clamp(near, 0, height - 1)][c] / (2 * SMOOTHED_ROWS + 1);
                }
            }
            for (int x = 0; x < width; x++) {
                mask[y][x] = distance(ground, colourAt(y, x)) > FOREGROUND;
            }
        }
        return mask;
    }

    /** The parts that hang together by sides, each as a mask of the whole picture. */
    private List<boolean[][]> parts(final boolean[][] mask) {
        final List<boolean[][]> parts = new ArrayList<>();
        final boolean[][] seen = new boolean[height][width];
        for (int start = 0; start < width * height; start++) {
            if (!mask[start / width][start % width] || seen[start / width][start % width]) {
                continue;
            }
            final boolean[][] part = new boolean[height][width];
            final Deque<Integer> open = new ArrayDeque<>(List.of(start));
            seen[start / width][start % width] = true;
            while (!open.isEmpty()) {
                final int y = open.peek() / width;
                final int x = open.pop() % width;
                part[y][x] = true;
                for (final int[] step : new int[][] {{0, 1}, {1, 0}, {0, -1}, {-1, 0}}) {
                    final int row = y + step[0];
                    final int column = x + step[1];
                    if (row >= 0 && row < height && column >= 0 && column < width && mask[row][column]
                            && !seen[row][column]) {
                        seen[row][column] = true;
                        open.push(row * width + column);
                    }
                }
            }
            parts.add(part);
        }
        return parts;
    }

    private Thing thing(final boolean[][] part) {
        final boolean[][] eroded = eroded(eroded(part));
        final Rectangle box = box(part);
        return new Thing(colour(area(eroded) >= 20 ? eroded : part), shape(part, box), box);
    }

    private String colour(final boolean[][] mask) {
        final double[][] values = new double[3][area(mask)];
        int count = 0;
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                if (mask[y][x]) {
                    for (int c = 0; c < 3; c++) {
                        values[c][count] = pixels[c][y][x];
                    }
                    count++;
                }
            }
        }
        double variance = 0;
        final double[] middle = new double[3];
        for (int c = 0; c < 3; c++) {
            final double mean = Arrays.stream(values[c]).average().orElseThrow();
            variance += Arrays.stream(values[c]).map(value -> (value - mean) * (value - mean)).average().orElseThrow();
            middle[c] = median(values[c]);
        }
        if (Math.sqrt(variance) > MIXED) {
            return null;
        }
        return COLOURS.entrySet().stream()
                .filter(colour -> distance(doubles(colour.getValue()), middle) <= COLOUR_REACH)
                .min((a, b) -> Double.compare(distance(doubles(a.getValue()), middle),
                        distance(doubles(b.getValue()), middle)))
                .map(Map.Entry::getKey).orElse(null);
    }

    private static String shape(final boolean[][] part, final Rectangle box) {
        double best = 0;
        Ideal nearest = null;
        for (final Ideal ideal : IDEALS) {
            int both = 0;
            int either = 0;
            for (int cell = 0; cell < GRID * GRID; cell++) {
                final boolean wanted = ideal.covers(cell / GRID, cell % GRID);
                final boolean there = part[box.y + (int) ((cell / GRID + 0.5) * box.height / GRID)]
                        [box.x + (int) ((cell % GRID + 0.5) * box.width / GRID)];
                both += wanted && there ? 1 : 0;
                either += wanted || there ? 1 : 0;
            }
            if (both > best * either) {
                best = (double) both / either;
                nearest = ideal;
            }
        }
        if (nearest == null) {
            return null;
        }
        final double aspect = box.getWidth() / box.getHeight() / nearest.aspect();
        final boolean alike = best >= (nearest.name().equals("star") ? STAR_OVERLAP : OVERLAP);
        return alike && aspect > 1 / ASPECT && aspect < ASPECT ? nearest.name() : null;
    }

    /** A filled pentagram is where at least four of its five half planes meet. */
    private static boolean isInStar(final double u, final double v) {
        final double reach = 1.25 * Math.cos(Math.toRadians(72));
        int planes = 0;
        for (int k = 0; k < 5; k++) {
            final double angle = Math.toRadians(72 * k);
            planes += u * Math.sin(angle) - v * Math.cos(angle) < reach ? 1 : 0;
        }
        return planes >= 4;
    }

    private Rectangle box(final boolean[][] part) {
        final Rectangle box = new Rectangle(-1, -1);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                if (part[y][x]) {
                    box.add(new Rectangle(x, y, 1, 1));
                }
            }
        }
        return box;
    }

    private boolean[][] eroded(final boolean[][] mask) {
        final boolean[][] eroded = new boolean[height][width];
        for (int y = 1; y < height - 1; y++) {
            for (int x = 1; x < width - 1; x++) {
                eroded[y][x] = mask[y][x] && mask[y - 1][x] && mask[y + 1][x] && mask[y][x - 1] && mask[y][x + 1];
            }
        }
        return eroded;
    }

    private double[] colourAt(final int y, final int x) {
        return new double[] {pixels[0][y][x], pixels[1][y][x], pixels[2][y][x]};
    }

    private static int area(final boolean[][] mask) {
        int area = 0;
        for (final boolean[] row : mask) {
            for (final boolean there : row) {
                area += there ? 1 : 0;
            }
        }
        return area;
    }

    private static double distance(final double[] a, final double[] b) {
        return Math.sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
    }

    private static double median(final double[] values) {
        final double[] sorted = values.clone();
        Arrays.sort(sorted);
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }

    private static int[] rgb(final int red, final int green, final int blue) {
        return new int[] {red, green, blue};
    }

    private static double[] doubles(final int[] values) {
        return Arrays.stream(values).asDoubleStream().toArray();
    }
}
