package io.qwenimage.image;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.imageio.plugins.jpeg.JPEGHuffmanTable;

/**
 * Reads JPEG files (ITU-T T.81): sequential and progressive with Huffman codes and 8 bits; grey, RGB, YCbCr, and inks.
 * Samples are equal to those of libjpeg-turbo's default settings in every bit. Arithmetic coding, lossless and
 * hierarchical files and 12 bits are refused.
 */
final class JpegReader {
    private static final int RESTART_FROM = 0xd0;
    private static final int RESTART_TO = 0xd7;
    private static final int START = 0xd8;
    private static final int END = 0xd9;
    private static final int SCAN = 0xda;
    private static final int TABLES = 4;
    private static final int LARGEST_SAMPLING = 4;
    private static final int BLOCKS_PER_UNIT = 10;
    /** The deepest progression of four components has fewer; each scan of nothing costs a pass over the picture. */
    private static final int MOST_SCANS = 200;
    private static final int DEEPEST_SHIFT = 13;
    private static final String EXIF_HEADER = "Exif\0\0";

    private final ByteCursor file;
    private final long maximumPixels;
    private final int[][] quantisation = new int[TABLES][];
    private final JpegHuffmanTable[] directTables = new JpegHuffmanTable[TABLES];
    private final JpegHuffmanTable[] alternatingTables = new JpegHuffmanTable[TABLES];
    private final List<JpegComponent> components = new ArrayList<>();
    private final ByteArrayOutputStream exif = new ByteArrayOutputStream();
    private byte[] xmp;
    private ImageSize size;
    private boolean progressive;
    private int largestHorizontal = 1;
    private int largestVertical = 1;
    private int restartInterval;
    private int scans;
    private boolean jfif;
    /** The colour transform of Adobe's segment, or -1 without one. */
    private int adobeTransform = -1;

    private JpegReader(final ByteCursor file, final long maximumPixels) {
        this.file = file;
        this.maximumPixels = maximumPixels;
        // Frames of Motion JPEG leave out tables that are those of T.81, annex K.
        directTables[0] = new JpegHuffmanTable(JPEGHuffmanTable.StdDCLuminance);
        directTables[1] = new JpegHuffmanTable(JPEGHuffmanTable.StdDCChrominance);
        alternatingTables[0] = new JpegHuffmanTable(JPEGHuffmanTable.StdACLuminance);
        alternatingTables[1] = new JpegHuffmanTable(JPEGHuffmanTable.StdACChrominance);
    }

    static DecodedPicture read(final ByteCursor file, final long maximumPixels) {
        final JpegReader reader = new JpegReader(file, maximumPixels);
        file.at(2);
        int marker = reader.marker();
        while (marker != END) {
            reader.segment(marker);
            marker = reader.marker();
        }
        return new DecodedPicture(reader.picture(), reader.exif.size() == 0 ? null : reader.exif.toByteArray(),
                reader.xmp);
    }

    /** The second byte of the next marker; what stands before it is skipped. */
    private int marker() {
        int previous = file.uint8();
        int value = file.uint8();
        while (previous != 0xff || value == 0 || value == 0xff) {
            previous = value;
            value = file.uint8();
        }
        return value;
    }

    private void segment(final int marker) {
        if (marker >= RESTART_FROM && marker <= RESTART_TO || marker == START || marker == 0x01) {
            return;
        }
        final int length = file.uint16BigEndian();
        if (length < 2) {
            throw file.damaged("a segment has " + length + " bytes");
        }
        final ByteCursor segment = file.slice(length - 2);
        switch (marker) {
            case 0xc0, 0xc1, 0xc2 -> frame(segment, marker == 0xc2);
            case 0xc4 -> huffmanTables(segment);
            case SCAN -> scan(segment);
            case 0xdb -> quantisationTables(segment);
            case 0xdd -> restartInterval = segment.uint16BigEndian();
            case 0xe0 -> jfif |= segment.remaining() >= 14 && segment.startsWith("JFIF\0");
            case 0xe1 -> metadata(segment);
            case 0xee -> adobe(segment);
            case 0xc9, 0xca, 0xcc -> throw file.unsupported("arithmetic coding");
            case 0xc3, 0xc5, 0xc6, 0xc7, 0xcb, 0xcd, 0xce, 0xcf, 0xde, 0xdf ->
                throw file.unsupported("a lossless or hierarchical frame (marker ff "
                        + Integer.toHexString(marker).toLowerCase(Locale.ROOT) + ")");
            default -> {
            }
        }
    }

    private void metadata(final ByteCursor segment) {
        if (segment.startsWith(EXIF_HEADER)) {
            // A block beyond 64 KB goes on in the next segment, behind the header again.
            exif.writeBytes(segment.skip(exif.size() == 0 ? 0 : EXIF_HEADER.length()).copy(segment.remaining()));
        } else if (segment.startsWith(JpegWriter.XMP_HEADER)) {
            xmp = segment.skip(JpegWriter.XMP_HEADER.length()).copy(segment.remaining());
        }
    }

    private void adobe(final ByteCursor segment) {
        if (segment.remaining() >= 12 && segment.startsWith("Adobe")) {
            adobeTransform = segment.skip(11).uint8();
        }
    }

    private void quantisationTables(final ByteCursor segment) {
        while (segment.remaining() > 0) {
            final int header = segment.uint8();
            final int[] table = new int[JpegComponent.BLOCK_SAMPLES];
            for (int k = 0; k < table.length; k++) {
                table[JpegScan.natural(k)] = header >> 4 == 0 ? segment.uint8() : segment.uint16BigEndian();
            }
            quantisation[tableIndex(header & 15)] = table;
        }
    }

    private void huffmanTables(final ByteCursor segment) {
        while (segment.remaining() > 0) {
            final int header = segment.uint8();
            final JpegHuffmanTable[] tables = header >> 4 == 0 ? directTables : alternatingTables;
            tables[tableIndex(header & 15)] = new JpegHuffmanTable(segment);
        }
    }

    private int tableIndex(final int index) {
        if (index >= TABLES) {
            throw file.damaged("a table has number " + index);
        }
        return index;
    }

    private void frame(final ByteCursor segment, final boolean isProgressive) {
        if (size != null) {
            throw file.damaged("it has two frames");
        }
        final int precision = segment.uint8();
        final int height = segment.uint16BigEndian();
        final int width = segment.uint16BigEndian();
        final int count = segment.uint8();
        if (precision != 8) {
            throw file.unsupported(precision + " bits a sample");
        }
        if (count != 1 && count != 3 && count != 4) {
            throw file.unsupported(count + " components");
        }
        ImageDecoder.checkSize(file.format(), width, height, maximumPixels);
        for (int i = 0; i < count; i++) {
            final int identifier = segment.uint8();
            final int sampling = segment.uint8();
            components.add(new JpegComponent(identifier, sampling >> 4, sampling & 15,
                    tableIndex(segment.uint8())));
        }
        size = new ImageSize(width, height);
        progressive = isProgressive;
        sampling();
        // A unit takes a bit at least.
        if ((long) unitsWide() * unitsHigh() > 8L * file.remaining()) {
            throw file.truncated();
        }
        components.forEach(component ->
                component.allocate(size, largestHorizontal, largestVertical, progressive));
    }

    private void sampling() {
        for (final JpegComponent component : components) {
            if (Math.min(component.horizontal, component.vertical) < 1
                    || Math.max(component.horizontal, component.vertical) > LARGEST_SAMPLING) {
                throw file.damaged("sampling " + component.horizontal + " x " + component.vertical);
            }
            largestHorizontal = Math.max(largestHorizontal, component.horizontal);
            largestVertical = Math.max(largestVertical, component.vertical);
        }
        if (components.size() == 1) {
            // A lone component is at full size, whatever its factors.
            final JpegComponent only = components.getFirst();
            components.set(0, new JpegComponent(only.identifier, 1, 1, only.quantisation));
            largestHorizontal = 1;
            largestVertical = 1;
        }
        for (final JpegComponent component : components) {
            if (largestHorizontal % component.horizontal != 0 || largestVertical % component.vertical != 0) {
                throw file.unsupported("components sampled " + component.horizontal + " x " + component.vertical
                        + " of " + largestHorizontal + " x " + largestVertical);
            }
        }
    }

    private int unitsWide() {
        return (size.width() + JpegComponent.BLOCK * largestHorizontal - 1) / (JpegComponent.BLOCK * largestHorizontal);
    }

    private int unitsHigh() {
        return (size.height() + JpegComponent.BLOCK * largestVertical - 1) / (JpegComponent.BLOCK * largestVertical);
    }

    private void scan(final ByteCursor segment) {
        if (size == null) {
            throw file.damaged("a scan stands before the frame");
        }
        if (++scans > MOST_SCANS) {
            throw file.damaged("it has more than " + MOST_SCANS + " scans");
        }
        final List<JpegComponent> scanned = new ArrayList<>();
        final int[] codes = new int[LARGEST_SAMPLING];
        final int count = segment.uint8();
        if (count < 1 || count > components.size()) {
            throw file.damaged("a scan has " + count + " components");
        }
        for (int i = 0; i < count; i++) {
            scanned.add(component(segment.uint8(), scanned));
            codes[i] = segment.uint8();
        }
        final int first = segment.uint8();
        final int last = segment.uint8();
        final int bits = segment.uint8();
        checkBand(scanned, first, last, bits >> 4, bits & 15);
        for (int i = 0; i < count; i++) {
            prepare(scanned.get(i), codes[i], first, bits >> 4 != 0);
        }
        new JpegScan(List.copyOf(scanned), progressive, first, last, bits >> 4 != 0, progressive ? bits & 15 : 0,
                new JpegBits(file)).decode(unitsWide(), unitsHigh(), restartInterval);
    }

    private JpegComponent component(final int identifier, final List<JpegComponent> scanned) {
        for (final JpegComponent component : components) {
            if (component.identifier == identifier && !scanned.contains(component)) {
                return component;
            }
        }
        throw file.damaged("a scan has a component " + identifier + " that the frame lacks");
    }

    private void checkBand(final List<JpegComponent> scanned, final int first, final int last, final int earlierShift,
            final int shift) {
        if (scanned.size() > 1 && scanned.stream().mapToInt(one -> one.horizontal * one.vertical).sum()
                > BLOCKS_PER_UNIT) {
            throw file.damaged("a scan has units of more than " + BLOCKS_PER_UNIT + " blocks");
        }
        if (!progressive) {
            return;
        }
        final boolean band = first == 0 ? last == 0 : last >= first && last < JpegComponent.BLOCK_SAMPLES
                && scanned.size() == 1;
        if (!band || shift > DEEPEST_SHIFT || earlierShift != 0 && earlierShift - 1 != shift) {
            throw file.damaged("a scan of coefficients " + first + " to " + last + ", bits " + earlierShift + " to "
                    + shift);
        }
    }

    /** Gives a component the tables that the scan needs. */
    private void prepare(final JpegComponent component, final int codes, final int first, final boolean refining) {
        component.directCodes = directTables[tableIndex(codes >> 4)];
        component.alternatingCodes = alternatingTables[tableIndex(codes & 15)];
        final boolean needsDirect = !progressive || first == 0 && !refining;
        final boolean needsAlternating = !progressive || first > 0;
        if (needsDirect && component.directCodes == null || needsAlternating && component.alternatingCodes == null) {
            throw file.damaged("a scan lacks its Huffman table");
        }
        if (component.table == null) {
            component.table = quantisation[component.quantisation];
        }
        if (component.table == null) {
            throw file.damaged("a component lacks its quantisation table");
        }
    }

    private RgbImage picture() {
        if (size == null) {
            throw file.damaged("it holds no frame");
        }
        final int[] scratch = new int[JpegComponent.BLOCK_SAMPLES];
        for (final JpegComponent component : components) {
            if (component.table == null) {
                throw file.truncated();
            }
            if (progressive) {
                component.transform(scratch);
            }
        }
        final JpegColours colours = colours();
        final List<JpegUpsampling> sources = components.stream()
                .map(component -> new JpegUpsampling(component, largestHorizontal, largestVertical)).toList();
        final byte[][] rows = new byte[components.size()][size.width()];
        final byte[] rgb = new byte[size.width() * size.height() * 3];
        for (int y = 0; y < size.height(); y++) {
            for (int i = 0; i < rows.length; i++) {
                sources.get(i).row(y, rows[i]);
            }
            colours.convert(rows, rgb, y * size.width() * 3);
        }
        return new RgbImage(size.width(), size.height(), rgb);
    }

    /** The rules of libjpeg (default_decompress_parms in jdapimin.c). */
    private JpegColours colours() {
        if (components.size() == 1) {
            return JpegColours.GREY;
        }
        if (components.size() == 4) {
            return adobeTransform <= 0 ? JpegColours.CMYK : JpegColours.YCCK;
        }
        if (jfif) {
            return JpegColours.YCC;
        }
        if (adobeTransform >= 0) {
            return adobeTransform == 0 ? JpegColours.RGB : JpegColours.YCC;
        }
        final boolean lettered = components.get(0).identifier == 'R' && components.get(1).identifier == 'G'
                && components.get(2).identifier == 'B';
        return lettered ? JpegColours.RGB : JpegColours.YCC;
    }
}
