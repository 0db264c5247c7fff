package dev.tornadomoe.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.cli.Golden;
import dev.tornadomoe.cli.MoeRun;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Precision;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.jr.ob.JSON;

/// The page of `moe bench --html`, as a browser shows it.
class BenchPageTest {
  private static final List<String> COLUMNS =
      List.of(
          "us_per_layer_median",
          "us_per_layer_min",
          "kernel_us_per_layer",
          "tasks_per_layer",
          "copies_per_step",
          "weight_gb_per_s",
          "bandwidth_limit_gb_per_s",
          "gflop_per_s");

  /// What a reader sees: texts, and how wide bars are beside the room that they have.
  private static final String LOOK =
      """
      const all = (selector, of) => [...document.querySelectorAll(selector)].map(of);
      const text = element => element.innerText.trim();
      const wide = element => element ? element.getBoundingClientRect().width : 0;
      const bar = item => ({
        label: text(item.children[0]), value: text(item.querySelector(".value")),
        width: wide(item.querySelector(".bar")) / wide(item.querySelector(".track")),
        floor: wide(item.querySelector(".floor")) / wide(item.querySelector(".track")) });
      return {
        title: document.title, headline: text(document.querySelector("h1")),
        machine: all("#machine dd", text), columns: all("#results thead th", text),
        caption: text(document.querySelector("#results caption")),
        rows: all("#results tbody tr", row => [...row.cells].map(text)),
        scopes: all("#results th", cell => cell.scope),
        bars: all("#by-tokens li", bar), pairs: all("[id^=by-alias] li", bar),
        picture: wide(document.querySelector(".picture svg rect")),
        figures: document.getElementById("figures").textContent,
        loaded: performance.getEntriesByType("resource").length, scripts: document.scripts.length,
        tooWide: document.documentElement.scrollWidth - window.innerWidth };
      """;

  @TempDir private static Path directory;
  private static Map<String, Object> printed;
  private static List<Map<String, Object>> results;
  private static String page;

  @BeforeAll
  static void measure() throws Exception {
    Path file = directory.resolve("report.html");
    MoeRun run =
        MoeRun.of(
                "bench",
                Golden.directory("hf/qwen2_moe"),
                "--seconds",
                0.05,
                "--tokens",
                "1,5",
                "--json",
                "--html",
                file)
            .fine();
    assertThat(run.err()).contains("wrote " + file);
    printed = run.json();
    results = run.objects("results");
    page = Files.readString(file);
  }

  @Test
  void isOneFileThatNeedsNoOther() {
    assertThat(page)
        .startsWith("<!DOCTYPE html>")
        .endsWith("</html>\n")
        .contains("default-src 'none'")
        .doesNotContainPattern("(?i)\\b(src|href|srcset|action)\\s*=|url\\(|@import|<link|<img");
    assertThat(page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "")).doesNotContain("://");
  }

  @Test
  void holdsWhatJsonPrints() {
    Matcher json =
        Pattern.compile(
                "<script type=\"application/json\" id=\"figures\">(.*?)</script>", Pattern.DOTALL)
            .matcher(page);
    assertThat(json.find()).isTrue();
    assertThat(JSON.std.mapFrom(json.group(1))).isEqualTo(printed);
  }

  @Test
  void aBrowserShowsTheFigures() throws Exception {
    Map<String, Object> seen = Chromium.read(page, LOOK, directory);
    assertThat(seen)
        .containsEntry("title", "moe bench: qwen2_moe")
        .containsEntry("headline", "moe bench: qwen2_moe")
        .containsEntry("loaded", 0)
        .containsEntry("scripts", 2); // the figures, and the one that looks
    assertThat(figures(seen)).isEqualTo(printed);
    assertThat(texts(seen, "machine"))
        .contains((String) printed.get("device"), (String) printed.get("machine"))
        .anyMatch(line -> line.startsWith("moe bench ") && line.contains(" --tokens 1,5 --json"));
    assertThat(number(seen, "picture")).isGreaterThan(500);
    assertThat(number(seen, "tooWide")).as("a phone's width is enough").isNotPositive();
    assertThat(texts(seen, "columns"))
        .containsExactly(
            "M",
            "alias",
            "us/layer, median",
            "minimum",
            "tasks us/layer",
            "tasks/layer",
            "copies/step",
            "weights GB/s",
            "memory alone GB/s",
            "GFLOP/s");
    assertThat(seen.get("caption")).asString().isNotBlank();
    assertThat(texts(seen, "scopes").subList(0, 10)).containsOnly("col");
    assertThat(texts(seen, "scopes").subList(10, 10 + 2 * 4)).containsOnly("row");
    List<List<String>> rows =
        ((List<?>) seen.get("rows"))
            .stream().map(row -> ((List<?>) row).stream().map(Object::toString).toList()).toList();
    assertThat(rows).hasSameSizeAs(results);
    for (int i = 0; i < rows.size(); i++) {
      assertRow(rows.get(i), results.get(i));
    }
  }

  private static void assertRow(List<String> cells, Map<String, Object> result) {
    assertThat(cells.subList(0, 2))
        .containsExactly(result.get("tokens").toString(), (String) result.get("alias"));
    for (int i = 0; i < COLUMNS.size(); i++) {
      // cells have tenths, the JSON hundredths
      assertThat(Double.parseDouble(cells.get(i + 2)))
          .as(COLUMNS.get(i))
          .isCloseTo(number(result, COLUMNS.get(i)), within(0.0551));
    }
  }

  @Test
  void aBrowserDrawsTheBarsAsLongAsTheTimes() throws Exception {
    Map<String, Object> seen = Chromium.read(page, LOOK, directory);
    List<Map<String, Object>> bars = MoeRun.objects(seen, "bars");
    List<Map<String, Object>> pairs = MoeRun.objects(seen, "pairs");
    assertThat(bars).hasSameSizeAs(results);
    assertThat(pairs).hasSameSizeAs(results); // both modes were measured for each M
    double longest = results.stream().mapToDouble(BenchPageTest::median).max().orElseThrow();
    double full = bars.stream().mapToDouble(bar -> number(bar, "width")).max().orElseThrow();
    double slope = slope(bars);
    for (int i = 0; i < results.size(); i++) {
      Map<String, Object> result = results.get(i);
      String label = "alias " + result.get("alias");
      assertThat(bars.get(i)).containsEntry("label", "M = " + result.get("tokens") + ", " + label);
      assertThat(pairs.get(i)).containsEntry("label", label);
      for (Map<String, Object> bar : List.of(bars.get(i), pairs.get(i))) {
        assertThat(Double.parseDouble(((String) bar.get("value")).replace(" us", "")))
            .isCloseTo(median(result), within(0.0551));
      }
      // logarithmic: as much shorter as its time's logarithm is
      assertThat(full - number(bars.get(i), "width"))
          .isCloseTo(slope * Math.log(longest / median(result)), within(0.02));
      // linear, and the longer of the two has all the room
      double longer = Math.max(median(result), median(results.get(i ^ 1)));
      assertThat(number(pairs.get(i), "width")).isCloseTo(median(result) / longer, within(0.02));
    }
  }

  /// The width of a factor of e, from the longest bar and the shortest.
  private static double slope(List<Map<String, Object>> bars) {
    List<Integer> byTime =
        IntStream.range(0, results.size())
            .boxed()
            .sorted((a, b) -> Double.compare(median(results.get(a)), median(results.get(b))))
            .toList();
    int shortest = byTime.getFirst();
    int longest = byTime.getLast();
    return (number(bars.get(longest), "width") - number(bars.get(shortest), "width"))
        / Math.log(median(results.get(longest)) / median(results.get(shortest)));
  }

  /// Names come from files and from the command line.
  @Test
  void aBrowserTakesNoTextForMarkup() throws Exception {
    String hostile = "</script></title><b onclick='x'>\"&amp;<!--\u001b[1m";
    List<MoeLayer> layers = List.of(RandomLayer.of(LayerSpec.odd(), 1));
    BenchResult result =
        new BenchResult(3, true, false, 4, 2, Map.of("down", 1.5), 6.25, 3, 1, 10, 7, 20, false);
    String text =
        BenchReport.render(
            new BenchTable(hostile, layers, hostile, Precision.EXACT, false),
            Planner.builder().build().plan(layers),
            List.of(result),
            new CoreUse(2, 1),
            hostile,
            "moe bench " + hostile,
            Map.of("preset", hostile));
    Map<String, Object> seen = Chromium.read(text, LOOK, directory);
    String shown = hostile.replace("\u001b", "\\u001b");
    assertThat(seen)
        .containsEntry("title", "moe bench: " + shown)
        .containsEntry("headline", "moe bench: " + shown)
        .containsEntry("scripts", 2);
    assertThat(texts(seen, "machine"))
        .contains(shown, "moe bench " + shown)
        .anyMatch(line -> line.startsWith("2 threads ran on 1 core: "))
        .anyMatch(line -> line.startsWith(shown + ": 1 layer, "));
    assertThat(figures(seen)).isEqualTo(Map.of("preset", hostile));
    assertThat(texts(seen, "columns")).contains("tasks us/layer");
    assertThat(seen.get("rows"))
        .isEqualTo(
            List.of(List.of("3", "no", "4.0", "2.0", "1.5", "3", "1", "10.0", "20.0", "7.0")));
    assertThat(MoeRun.objects(seen, "pairs")).isEmpty();
    Map<String, Object> bar = MoeRun.objects(seen, "bars").getFirst();
    assertThat(bar).containsEntry("label", "M = 3, alias no").containsEntry("value", "4.0 us");
    // reading takes half of the time, and the shortest thing drawn is twice what a bar begins with
    assertThat(number(bar, "width")).isCloseTo(1, within(0.02));
    assertThat(number(bar, "floor")).isCloseTo(0.5, within(0.02));
  }

  private static Map<String, Object> figures(Map<String, Object> seen) {
    return JSON.std.mapFrom((String) seen.get("figures"));
  }

  private static double median(Map<String, Object> result) {
    return number(result, "us_per_layer_median");
  }

  private static double number(Map<String, Object> object, String field) {
    assertThat(object.get(field)).as(field).isInstanceOf(Number.class);
    return ((Number) object.get(field)).doubleValue();
  }

  private static List<String> texts(Map<String, Object> seen, String field) {
    assertThat(seen.get(field)).as(field).isInstanceOf(List.class);
    return ((List<?>) seen.get(field)).stream().map(text -> text.toString()).toList();
  }
}
