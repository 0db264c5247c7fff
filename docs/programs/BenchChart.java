import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.jr.ob.JSON;

/// Draws what `moe bench --json` measured: the time of a layer by tokens, alias and file, and
/// beside each bar what reading its weights alone would have taken in the same run.
///
/// Usage: `java -cp "target/lib/*" docs/programs/BenchChart.java OUT.svg BENCH.json...`
public final class BenchChart {
  private static final int LABELS = 250;
  private static final int WIDTH = 640;
  private static final int BAR = 24;

  /// One bar.
  ///
  /// @param micros of a layer
  /// @param floor microseconds in which its weights could be read
  private record Point(String label, double micros, double floor) {}

  private BenchChart() {}

  public static void main(String[] arguments) throws IOException {
    if (arguments.length < 2) {
      throw new IllegalArgumentException("usage: BenchChart OUT.svg BENCH.json...");
    }
    List<Point> points = new ArrayList<>();
    for (int i = 1; i < arguments.length; i++) {
      points.addAll(points(JSON.std.mapFrom(Files.readString(Path.of(arguments[i])))));
    }
    Files.writeString(Path.of(arguments[0]), svg(points));
  }

  private static List<Point> points(Map<String, Object> bench) {
    List<Point> points = new ArrayList<>();
    for (Object element : (List<?>) bench.get("results")) {
      Map<?, ?> result = (Map<?, ?>) element;
      double micros = number(result, "us_per_layer_median");
      points.add(
          new Point(
              String.format(
                  Locale.ROOT,
                  "%s%s, M = %s, alias %s",
                  bench.get("preset"),
                  // Only what is not the default needs to be said; devices have one.
                  "fast".equals(bench.get("precision")) ? ", fast" : "",
                  result.get("tokens"),
                  result.get("alias")),
              micros,
              micros
                  * number(result, "weight_gb_per_s")
                  / number(result, "bandwidth_limit_gb_per_s")));
    }
    return points;
  }

  private static double number(Map<?, ?> result, String field) {
    return ((Number) result.get(field)).doubleValue();
  }

  /// Bars are logarithmic: one token and many are far apart.
  private static String svg(List<Point> points) {
    double least = points.stream().mapToDouble(Point::floor).min().orElse(1) / 2;
    double most = points.stream().mapToDouble(Point::micros).max().orElse(1);
    double perDecade = WIDTH / Math.log10(most / least);
    StringBuilder bars = new StringBuilder();
    int y = 4;
    for (Point point : points) {
      double width = Math.log10(point.micros() / least) * perDecade;
      double floor = Math.log10(point.floor() / least) * perDecade;
      bars.append(
          String.format(
              Locale.ROOT,
              """
              <text x="0" y="%d">%s</text>
              <rect x="%d" y="%d" width="%.1f" height="%d" rx="2" fill="#9ec5a8"/>
              <rect x="%d" y="%d" width="%.1f" height="%d" rx="2" fill="#2f8f5b"/>
              <text x="%.1f" y="%d">%.0f us</text>
              """,
              y + 14,
              point.label(),
              LABELS,
              y,
              width,
              BAR - 6,
              LABELS,
              y,
              floor,
              BAR - 6,
              LABELS + width + 6,
              y + 14,
              point.micros()));
      y += BAR;
    }
    return String.format(
        Locale.ROOT,
        """
        <svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" \
        font-family="Helvetica, Arial, sans-serif" font-size="13" fill="#1d2733">
        %s<text x="0" y="%d" fill="#6b7785">dark: reading the weights alone in the same run; logarithmic</text>
        </svg>
        """,
        LABELS + WIDTH + 90,
        y + 26,
        bars,
        y + 18);
  }
}
