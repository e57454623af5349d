package io.qwenimage.image;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/**
 * Metadata as an XMP packet: IPTC's properties for pictures made by a model (Photo Metadata Standard 2025.1), Dublin
 * Core's description, and a namespace of our own for the values that neither knows.
 */
final class XmpPacket {
    private static final String RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
    private static final String DUBLIN_CORE = "http://purl.org/dc/elements/1.1/";
    private static final String XMP = "http://ns.adobe.com/xap/1.0/";
    private static final String IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/";
    private static final String OWN = "urn:qwenimage:generation#";

    private XmpPacket() {
    }

    /** The packet, or null if there is nothing to say. */
    static byte[] write(final ImageMetadata metadata) {
        final StringBuilder properties = new StringBuilder();
        append(properties, "Iptc4xmpExt:DigitalSourceType", metadata.digitalSourceType());
        append(properties, "Iptc4xmpExt:AIPromptInformation", metadata.prompt());
        append(properties, "Iptc4xmpExt:AISystemUsed", metadata.model());
        append(properties, "xmp:CreatorTool", metadata.software());
        append(properties, "qwenimage:negative_prompt", metadata.negativePrompt());
        append(properties, "qwenimage:seed", metadata.seed());
        append(properties, "qwenimage:num_inference_steps", metadata.steps());
        append(properties, "qwenimage:true_cfg_scale", metadata.trueCfgScale());
        append(properties, "qwenimage:width", metadata.width());
        append(properties, "qwenimage:height", metadata.height());
        if (properties.isEmpty()) {
            return null;
        }
        if (metadata.prompt() != null) {
            properties.append("   <dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">");
            escape(properties, metadata.prompt());
            properties.append("</rdf:li></rdf:Alt></dc:description>\n");
        }
        return ("<?xpacket begin=\"\ufeff\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
                + "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n <rdf:RDF xmlns:rdf=\"" + RDF + "\">\n"
                + "  <rdf:Description rdf:about=\"\" xmlns:dc=\"" + DUBLIN_CORE + "\" xmlns:xmp=\"" + XMP
                + "\" xmlns:Iptc4xmpExt=\"" + IPTC_EXTENSION + "\" xmlns:qwenimage=\"" + OWN + "\">\n" + properties
                + "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"r\"?>")
                .getBytes(StandardCharsets.UTF_8);
    }

    /** The packet with texts cut so that it has at most so many bytes; null if there is nothing to say. */
    static byte[] write(final ImageMetadata metadata, final int maximumBytes) {
        byte[] packet = write(metadata);
        int characters = metadata.longestText();
        while (packet != null && packet.length > maximumBytes && characters > 0) {
            characters = characters * 3 / 4;
            packet = write(metadata.cut(characters));
        }
        return packet;
    }

    /**
     * What {@link #write} wrote.
     *
     * @throws IOException if the packet is not XML or a number in it is none
     */
    static ImageMetadata read(final byte[] packet) throws IOException {
        final Document document = parse(packet);
        try {
            return new ImageMetadata(text(document, IPTC_EXTENSION, "AIPromptInformation"),
                    text(document, OWN, "negative_prompt"),
                    number(text(document, OWN, "seed"), Long::valueOf),
                    number(text(document, OWN, "num_inference_steps"), Integer::valueOf),
                    number(text(document, OWN, "true_cfg_scale"), Double::valueOf),
                    text(document, IPTC_EXTENSION, "AISystemUsed"),
                    number(text(document, OWN, "width"), Integer::valueOf),
                    number(text(document, OWN, "height"), Integer::valueOf),
                    text(document, IPTC_EXTENSION, "DigitalSourceType"), text(document, XMP, "CreatorTool"));
        } catch (NumberFormatException e) {
            throw new IOException("the XMP packet has a property that is no number (" + e.getMessage() + ")", e);
        }
    }

    /** Parses a number, keeping null. */
    static <T> T number(final String text, final Function<String, T> parser) {
        return text == null ? null : parser.apply(text);
    }

    private static Document parse(final byte[] packet) throws IOException {
        try {
            final DocumentBuilderFactory factory = DocumentBuilderFactory.newDefaultNSInstance();
            factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            final DocumentBuilder builder = factory.newDocumentBuilder();
            builder.setErrorHandler(null);
            return builder.parse(new ByteArrayInputStream(packet));
        } catch (ParserConfigurationException | SAXException e) {
            throw new IOException("the XMP packet is not XML: " + e.getMessage(), e);
        }
    }

    private static String text(final Document document, final String namespace, final String name) {
        final NodeList elements = document.getElementsByTagNameNS(namespace, name);
        return elements.getLength() == 0 ? null : elements.item(0).getTextContent();
    }

    private static void append(final StringBuilder properties, final String name, final Object value) {
        if (value != null) {
            properties.append("   <").append(name).append('>');
            escape(properties, value.toString());
            properties.append("</").append(name).append(">\n");
        }
    }

    private static void escape(final StringBuilder xml, final String text) {
        text.codePoints().forEach(character -> {
            switch (character) {
                case '<' -> xml.append("&lt;");
                case '>' -> xml.append("&gt;");
                case '&' -> xml.append("&amp;");
                // A bare carriage return would be read back as a line feed.
                case '\r' -> xml.append("&#13;");
                default -> xml.appendCodePoint(isXml(character) ? character : 0xfffd);
            }
        });
    }

    private static boolean isXml(final int character) {
        return character == '\t' || character == '\n' || character >= 0x20 && character <= 0xd7ff
                || character >= 0xe000 && character <= 0xfffd || character >= 0x10000;
    }
}
