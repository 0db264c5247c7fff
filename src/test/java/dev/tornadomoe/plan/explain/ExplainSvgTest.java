package dev.tornadomoe.plan.explain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Step;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

class ExplainSvgTest {

  private static Document parsed(Explanation explanation) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
    factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
    factory.setAttribute(XMLConstants.ACCESS_EXTERNAL_DTD, "");
    factory.setNamespaceAware(true);
    return factory
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(explanation.svg().getBytes(StandardCharsets.UTF_8)));
  }

  private static Explanation explain(int layers, int tokens) {
    return Explanation.of(
        Planner.builder().build().plan(SeededLayers.of(8, 6, 4, 2).shared(5, true).layers(layers)),
        tokens);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 48})
  void isWellFormedWithBothPanels(int layers) throws Exception {
    Document svg = parsed(explain(layers, 1));

    assertThat(svg.getDocumentElement().getLocalName()).isEqualTo("svg");
    assertThat(svg.getDocumentElement().getNamespaceURI()).isEqualTo("http://www.w3.org/2000/svg");
    assertThat(texts(svg, "text"))
        .anyMatch(text ->
            text.startsWith(
                String.format(
                    Locale.ROOT,
                    "Without output alias: %d %s",
                    layers,
                    layers == 1 ? "copy and" : "copies and")))
        .anyMatch(text -> text.startsWith("As planned: 0 copies and 0 B copied per step"));
  }

  @Test
  void panelsDrawTheStepsOfTheirPlan() throws Exception {
    Explanation explanation = explain(1, 5);
    List<String> texts = texts(parsed(explanation), "text");

    for (Step step : explanation.bucket().steps()) {
      assertThat(texts).contains(step.index() + " " + step.operation().name());
    }
    assertThat(texts).contains("8 copy").filteredOn("0 router logits"::equals).hasSize(2);
  }

  @Test
  void everyBufferIsDrawnWithItsLifeAndSize() throws Exception {
    Explanation explanation = explain(1, 5);
    List<String> titles = texts(parsed(explanation), "title");

    assertThat(titles)
        .contains("output = fused_out: F32 [64, 8], 2 KiB, steps 7 to 7")
        .contains("fused_out: F32 [64, 8], 2 KiB, steps 7 to 8")
        .contains("hidden: F32 [64, 8], 2 KiB, steps 0 to 5");
  }

  @Test
  void twoLayersAreDrawnAndTheOthersCounted() throws Exception {
    List<String> texts = texts(parsed(explain(48, 1)), "text");

    assertThat(texts)
        .contains("layer 0", "layer 1", "... and 46 more layers in the same workspace");
    assertThat(texts).doesNotContain("layer 2");
    assertThat(texts(parsed(explain(3, 1)), "text"))
        .contains("... and 1 more layer in the same workspace");
  }

  @Test
  void namesTheTextsWorkspaces() throws Exception {
    Explanation explanation = explain(2, 5);
    List<String> before =
        explanation.text().lines().filter(line -> line.startsWith("  workspace ")).toList();
    List<String> figures = List.of(before.getFirst().strip().split(" {2,}"));

    assertThat(texts(parsed(explanation), "text"))
        .anyMatch(text ->
            text.startsWith("Without output alias: ")
                && text.endsWith("each buffer its own: " + figures.get(1) + ")"))
        .anyMatch(text ->
            text.startsWith("As planned: ") && text.endsWith("workspace " + figures.get(2)));
  }

  @Test
  void theTitleSaysHowManyTokensItIsPlannedFor() throws Exception {
    assertThat(texts(parsed(explain(1, 5)), "text"))
        .contains("1 MoE layer, M = 5, planned for 5 to 64 tokens");
  }

  /// A letter of their size is 6 pixels wide, a line 13 high.
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void labelsStayInsideTheirColumn(int layers) throws Exception {
    Document svg = parsed(explain(layers, 1));
    NodeList labels = svg.getElementsByTagName("text");
    Explanation explanation = explain(layers, 1);
    int before = explanation.plan().unaliased().bucket(1).steps().size();
    int planned = explanation.bucket().steps().size();
    int found = 0;
    for (int i = 0; i < labels.getLength(); i++) {
      Element label = (Element) labels.item(i);
      NodeList lines = label.getElementsByTagName("tspan");
      double column = 1080.0 / (found < before ? before : planned);
      found += Math.min(1, lines.getLength());
      if (label.hasAttribute("transform")) {
        assertThat(lines.getLength() * 13.0).isLessThanOrEqualTo(column);
      } else {
        for (int line = 0; line < lines.getLength(); line++) {
          assertThat(lines.item(line).getTextContent().length() * 6.0).isLessThanOrEqualTo(column);
        }
      }
    }
    assertThat(found).isEqualTo(before + planned);
  }

  @Test
  void namesAreEscaped() throws Exception {
    StubExperts odd = StubExperts.of(OddNames.body());
    Document svg =
        parsed(
            Explanation.of(
                Planner.builder()
                    .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), odd))
                    .build()
                    .plan(SeededLayers.small())));

    assertThat(texts(svg, "text")).anyMatch(text -> text.endsWith(OddNames.STEP));
    assertThat(texts(svg, "title")).anyMatch(title -> title.startsWith(OddNames.BUFFER));
  }

  @Test
  void zeroTokensExplainToo() throws Exception {
    assertThat(texts(parsed(explain(2, 0)), "text"))
        .contains("2 MoE layers, M = 0, planned for 0 tokens")
        .filteredOn("No tokens: nothing is done."::equals)
        .hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 48})
  void nothingIsDrawnOutsideThePicture(int layers) throws Exception {
    Document svg = parsed(explain(layers, 1));
    double width = Double.parseDouble(svg.getDocumentElement().getAttribute("width"));
    double height = Double.parseDouble(svg.getDocumentElement().getAttribute("height"));
    NodeList rectangles = svg.getElementsByTagName("rect");
    for (int i = 0; i < rectangles.getLength(); i++) {
      Element rectangle = (Element) rectangles.item(i);
      assertThat(number(rectangle, "x") + number(rectangle, "width")).isBetween(0.0, width);
      assertThat(number(rectangle, "y") + number(rectangle, "height")).isBetween(0.0, height);
      assertThat(number(rectangle, "width")).isPositive();
    }
  }

  private static double number(Element element, String attribute) {
    String value = element.getAttribute(attribute);
    return value.isEmpty() ? 0 : Double.parseDouble(value);
  }

  private static List<String> texts(Document svg, String tag) {
    NodeList nodes = svg.getElementsByTagName(tag);
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < nodes.getLength(); i++) {
      texts.add(nodes.item(i).getTextContent());
    }
    return texts;
  }
}
