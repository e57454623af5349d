package io.qwenimage.realnifi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.Polygon;
import java.awt.Rectangle;
import java.awt.RenderingHints;
import java.awt.Shape;
import java.awt.geom.Ellipse2D;
import java.awt.image.BufferedImage;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The checker accepts what is drawn well and refuses what is spoiled. */
class ShapeCheckerTest {
    private static final Color RED = new Color(220, 40, 40);
    private static final Color BLUE = new Color(40, 80, 220);
    private static final Shape CIRCLE = new Ellipse2D.Double(44, 44, 40, 40);
    private static final Shape SQUARE = new Rectangle(46, 46, 36, 36);

    @Test
    void everyShapeHasItsName() {
        assertEquals(List.of("red circle"), names(CIRCLE));
        assertEquals(List.of("red square"), names(SQUARE));
        assertEquals(List.of("red triangle"), names(new Polygon(new int[] {64, 86, 42}, new int[] {40, 77, 77}, 3)));
        assertEquals(List.of("red star"), names(star(64, 64, 26)));
    }

    @Test
    void thingsAreNamedFromLeftToRightWithTheirBoxes() {
        final BufferedImage picture = ground();
        fill(picture, BLUE, new Rectangle(80, 50, 30, 30));
        fill(picture, RED, new Ellipse2D.Double(15, 48, 32, 32));
        final ShapeChecker.Sight sight = ShapeChecker.look(picture);
        assertEquals(List.of("red circle", "blue square"), sight.names());
        assertEquals(new Rectangle(80, 50, 30, 30), sight.things().get(1).box());
    }

    @Test
    void gradedGroundIsNoThing() {
        final BufferedImage picture = ground();
        for (int y = 0; y < 128; y++) {
            final Color line = new Color(250 - y, 230 - y, 200 - y / 2);
            fill(picture, line, new Rectangle(0, y, 128, 1));
        }
        assertEquals(List.of(), ShapeChecker.look(picture).names());
        fill(picture, BLUE, CIRCLE);
        assertEquals(List.of("blue circle"), ShapeChecker.look(picture).names());
    }

    @Test
    void blobIsNoShape() {
        final BufferedImage picture = ground();
        fill(picture, RED, new Ellipse2D.Double(30, 40, 36, 36));
        fill(picture, RED, new Ellipse2D.Double(52, 52, 40, 26));
        assertNull(ShapeChecker.look(picture).things().getFirst().shape());
    }

    @Test
    void stretchedCircleIsNoCircle() {
        assertNull(ShapeChecker.look(drawn(new Ellipse2D.Double(24, 44, 80, 40))).things().getFirst().shape());
    }

    @Test
    void twoColoursAreNone() {
        final BufferedImage picture = drawn(CIRCLE);
        fill(picture, BLUE, new Rectangle(44, 54, 20, 20));
        assertNull(ShapeChecker.look(picture).things().getFirst().colour());
    }

    @Test
    void colourOfNoPaletteIsNone() {
        final BufferedImage picture = ground();
        fill(picture, new Color(0, 220, 220), CIRCLE);
        assertNull(ShapeChecker.look(picture).things().getFirst().colour());
    }

    @Test
    void extraThingsAndSpecksCount() {
        final BufferedImage picture = drawn(CIRCLE);
        fill(picture, BLUE, new Rectangle(100, 100, 10, 10));
        fill(picture, BLUE, new Rectangle(10, 10, 4, 4));
        final ShapeChecker.Sight sight = ShapeChecker.look(picture);
        assertEquals(2, sight.things().size());
        assertEquals(1, sight.specks());
    }

    @Test
    void emptyGroundShowsNothing() {
        assertEquals(new ShapeChecker.Sight(List.of(), 0), ShapeChecker.look(ground()));
    }

    private static List<String> names(final Shape shape) {
        return ShapeChecker.look(drawn(shape)).names();
    }

    private static BufferedImage drawn(final Shape shape) {
        final BufferedImage picture = ground();
        fill(picture, RED, shape);
        return picture;
    }

    private static BufferedImage ground() {
        final BufferedImage picture = new BufferedImage(128, 128, BufferedImage.TYPE_INT_RGB);
        fill(picture, new Color(240, 240, 240), new Rectangle(0, 0, 128, 128));
        return picture;
    }

    private static void fill(final BufferedImage picture, final Color colour, final Shape shape) {
        final Graphics2D graphics = picture.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        graphics.setColor(colour);
        graphics.fill(shape);
        graphics.dispose();
    }

    /** A filled pentagram, the outer corners at a distance from the middle. */
    private static Polygon star(final int x, final int y, final double outer) {
        final double inner = outer * Math.sin(Math.toRadians(18)) / Math.sin(Math.toRadians(54));
        final Polygon star = new Polygon();
        for (int corner = 0; corner < 10; corner++) {
            final double angle = Math.toRadians(36 * corner);
            final double radius = corner % 2 == 0 ? outer : inner;
            star.addPoint((int) Math.round(x + radius * Math.sin(angle)), (int) Math.round(y - radius * Math.cos(angle)));
        }
        return star;
    }
}
