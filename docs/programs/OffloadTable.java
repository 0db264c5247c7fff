import java.util.List;
import java.util.Locale;

/// Computes, and does not measure, what of three models fits on three cards, and the time of a
/// layer with one token beside that of the CPU alone, where both sides work at once.
///
/// Usage: `java -cp target/tornado-moe.jar docs/programs/OffloadTable.java CPU_GB_PER_S
/// DEVICE_GB_PER_S CALL_US`
public final class OffloadTable {
  /// 4-bit integers with a BF16 scale for each group of 32.
  private static final double BYTES_OF_WEIGHT = 4.5 / 8;

  /// What experts may take of a card.
  private static final double PART_OF_CARD = 0.9;

  private static final int[] CARDS_GIB = {8, 12, 16};

  /// A model's routed experts, from its published `config.json`.
  private record Model(
      String name, int layers, int experts, int topK, int hidden, int intermediate) {
    double expertBytes() {
      return 3.0 * hidden * intermediate * BYTES_OF_WEIGHT;
    }

    double gibibytes() {
      return expertBytes() * experts * layers / (1L << 30);
    }
  }

  private static final List<Model> MODELS =
      List.of(
          new Model("qwen3-30b-a3b", 48, 128, 8, 2048, 768),
          new Model("mixtral-8x7b", 32, 8, 2, 4096, 14336),
          new Model("deepseek-v3", 58, 256, 8, 7168, 2048));

  private OffloadTable() {}

  /// Prints the table.
  ///
  /// @param args what the sides are assumed to reach
  public static void main(String[] args) {
    double cpuBytesPerMicro = Double.parseDouble(args[0]) * 1e3;
    double deviceBytesPerMicro = Double.parseDouble(args[1]) * 1e3;
    double callMicros = Double.parseDouble(args[2]);
    System.out.println(
        "| model | experts | card | on the device, of each layer | share of pairs"
            + " | time / CPU alone |");
    System.out.println("|---|---|---|---|---|---|");
    for (Model model : MODELS) {
      for (int card : CARDS_GIB) {
        double room = PART_OF_CARD * card * (1L << 30) / model.layers();
        int there = (int) Math.min(model.experts(), room / model.expertBytes());
        double share = (double) there / model.experts();
        double read = model.topK() * model.expertBytes();
        double alone = read / cpuBytesPerMicro;
        double host = (1 - share) * alone;
        double device = share == 0 ? 0 : callMicros + share * read / deviceBytesPerMicro;
        System.out.printf(
            Locale.ROOT,
            "| %s | %.1f GiB | %d GiB | %d of %d | %.0f %% | %.2f |%n",
            model.name(),
            model.gibibytes(),
            card,
            there,
            model.experts(),
            100 * share,
            Math.max(host, device) / alone);
      }
    }
  }
}
