package io.qwenimage.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class AnnotatorTest {
    private static final int GREY = 0x404040;

    @Test
    void theLineLiesOnTheOutermostPixelsOfTheBoxAndThePictureStays() {
        final RgbImage picture = grey(100, 80);

        final RgbImage drawn = Annotator.draw(picture, List.of(new LabelledBox("", 10, 20, 40, 50)), List.of());

        for (final int[] inside : new int[][] {{10, 20}, {39, 20}, {10, 49}, {39, 49}, {25, 20}, {10, 35}}) {
            assertNotEquals(GREY, pixel(drawn, inside[0], inside[1]), inside[0] + ", " + inside[1]);
        }
        for (final int[] outside : new int[][] {{9, 20}, {40, 20}, {10, 50}, {10, 19}, {25, 35}}) {
            assertEquals(GREY, pixel(drawn, outside[0], outside[1]), outside[0] + ", " + outside[1]);
        }
        assertArrayEquals(grey(100, 80).rgb(), picture.rgb());
    }

    @Test
    void equalLabelsHaveEqualColoursAndOthersOthers() {
        final RgbImage drawn = Annotator.draw(grey(400, 400), List.of(new LabelledBox("cat", 10, 300, 40, 350),
                new LabelledBox("dog", 110, 300, 140, 350), new LabelledBox("cat", 210, 300, 240, 350)), List.of());

        assertEquals(pixel(drawn, 10, 340), pixel(drawn, 210, 340));
        assertNotEquals(pixel(drawn, 10, 340), pixel(drawn, 110, 340));
    }

    @Test
    void linesAndLabelsGrowWithThePicture() {
        final int small = changed(grey(200, 200), new LabelledBox("cat", 50, 50, 150, 150));
        final int large = changed(grey(2000, 2000), new LabelledBox("cat", 500, 500, 1500, 1500));

        assertTrue(large > 20 * small, small + " and " + large + " pixels changed");
    }

    @Test
    void labelsAreReadableAndStayInside() {
        final RgbImage plain = Annotator.draw(grey(300, 200), List.of(new LabelledBox("", 270, 0, 300, 30)), List.of());
        final RgbImage drawn = Annotator.draw(grey(300, 200), List.of(new LabelledBox("tower \n 塔", 270, 0, 300, 30)),
                List.of());

        final long written = IntStream.range(0, 300 * 200)
                .filter(i -> pixel(plain, i % 300, i / 300) != pixel(drawn, i % 300, i / 300)).count();
        assertTrue(written > 200, written + " pixels of a label");
    }

    @Test
    void everySizeCanBeDrawnOn() {
        for (final int[] size : new int[][] {{1, 1}, {2, 3}, {5, 400}, {400, 5}}) {
            final RgbImage drawn = Annotator.draw(grey(size[0], size[1]), List.of(new LabelledBox("a long label of it", 0, 0,
                    size[0], size[1])), List.of(new LabelledPoint("x".repeat(500), size[0] - 1, size[1] - 1)));
            assertEquals(size[0], drawn.width());
            assertEquals(size[1], drawn.height());
        }
    }

    @Test
    void manyLabelsTakeTheColoursInTurn() {
        final List<LabelledBox> boxes = IntStream.range(0, 40).mapToObj(i -> new LabelledBox("thing " + i, 10 * i, 380,
                10 * i + 5, 390)).toList();

        assertEquals(400, Annotator.draw(grey(400, 400), boxes, List.of()).width());
    }

    @Test
    void aCropIsExactlyTheBox() {
        final RgbImage picture = grey(7, 5);
        picture.rgb()[3 * (2 * 7 + 3)] = 99;

        final RgbImage crop = Annotator.crop(picture, new LabelledBox("", 3, 1, 7, 5));

        assertEquals(new ImageSize(4, 4), ImageSize.of(crop));
        assertEquals(99, crop.rgb()[3 * 4]);
        assertArrayEquals(picture.rgb(), Annotator.crop(picture, new LabelledBox("", 0, 0, 7, 5)).rgb());
    }

    @Test
    void boxesBeyondThePictureAreRefused() {
        final RgbImage picture = grey(10, 10);

        assertThrows(IllegalArgumentException.class, () -> Annotator.crop(picture, new LabelledBox("", 0, 0, 11, 5)));
        assertThrows(IllegalArgumentException.class, () -> Annotator.draw(picture, List.of(new LabelledBox("", 0, 0, 5,
                11)), List.of()));
        assertThrows(IllegalArgumentException.class, () -> Annotator.draw(picture, List.of(),
                List.of(new LabelledPoint("", 10, 0))));
        assertThrows(IllegalArgumentException.class, () -> new LabelledBox("", 5, 5, 5, 6));
        assertThrows(IllegalArgumentException.class, () -> new LabelledPoint("", -1, 6));
    }

    private static int changed(final RgbImage picture, final LabelledBox box) {
        final RgbImage drawn = Annotator.draw(picture, List.of(box), List.of());
        return (int) IntStream.range(0, picture.width() * picture.height())
                .filter(i -> pixel(drawn, i % picture.width(), i / picture.width()) != GREY).count();
    }

    private static RgbImage grey(final int width, final int height) {
        final byte[] rgb = new byte[3 * width * height];
        Arrays.fill(rgb, (byte) 0x40);
        return new RgbImage(width, height, rgb);
    }

    private static int pixel(final RgbImage image, final int x, final int y) {
        final int at = 3 * (y * image.width() + x);
        return (image.rgb()[at] & 0xff) << 16 | (image.rgb()[at + 1] & 0xff) << 8 | image.rgb()[at + 2] & 0xff;
    }
}
