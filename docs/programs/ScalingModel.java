import dev.tornadomoe.parallel.CombineMode;
import dev.tornadomoe.parallel.DispatchFormat;
import dev.tornadomoe.parallel.ExpertPlacement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;

/// Computes, and does not measure, the time of a layer of deepseek-v3 on several machines, from
/// constants that were measured on one: the rate at which it reads weights, its arithmetic, and
/// what a message costs. Experts are drawn at random; who sends what to whom comes from the
/// library's own placement.
///
/// Usage: `java -cp target/tornado-moe.jar docs/programs/ScalingModel.java WEIGHTS_GB_PER_S
/// GFLOP_PER_S TCP_MESSAGE_US TCP_GB_PER_S RDMA_MESSAGE_US pair|rank`
public final class ScalingModel {
  private static final int EXPERTS = 256;
  private static final int TOP_K = 8;
  private static final int HIDDEN = 7168;
  private static final int INTERMEDIATE = 2048;

  /// 4-bit integers with a BF16 scale for each group of 32; the shared expert is as large.
  private static final double EXPERT_BYTES = 3.0 * HIDDEN * INTERMEDIATE * 4.5 / 8;

  private static final double EXPERT_OPERATIONS = 6.0 * HIDDEN * INTERMEDIATE;
  private static final int DRAWS = 20;
  private static final int[] MACHINES = {1, 8, 64};
  private static final int[] TOKENS = {1, 16, 128};

  /// A network.
  ///
  /// @param gigabits per second and direction, of a machine
  /// @param micros from one program to another
  /// @param tcp whether the system moves the bytes, or the network's card
  private record Link(String name, double gigabits, double micros, boolean tcp) {}

  private static final List<Link> LINKS =
      List.of(
          new Link("TCP, 10 Gb/s, 30 us", 10, 30, true),
          new Link("TCP, 25 Gb/s, 15 us", 25, 15, true),
          new Link("RDMA, 100 Gb/s, 3 us", 100, 3, false),
          new Link("RDMA, 400 Gb/s, 2 us", 400, 2, false));

  /// What was measured.
  ///
  /// @param weightBytes per microsecond that a machine reads
  /// @param operations per microsecond that it makes
  /// @param tcpMessageMicros of a machine for each message that it sends or receives
  /// @param tcpBytes per microsecond that MPI moves at most, however fast the link
  /// @param rdmaMessageMicros of a machine for each message where the card moves the bytes
  private record Machine(
      double weightBytes,
      double operations,
      double tcpMessageMicros,
      double tcpBytes,
      double rdmaMessageMicros) {}

  /// Microseconds of a layer's parts, each of the slowest machine, which the others wait for.
  private record Times(double dispatch, double shared, double experts, double combine) {
    double layer() {
      return Math.max(dispatch, shared) + experts + combine;
    }
  }

  private final Machine machine;
  private final CombineMode combine;

  private ScalingModel(Machine machine, CombineMode combine) {
    this.machine = machine;
    this.combine = combine;
  }

  public static void main(String[] arguments) {
    if (arguments.length != 6) {
      throw new IllegalArgumentException(
          "usage: ScalingModel WEIGHTS_GB_PER_S GFLOP_PER_S TCP_MESSAGE_US TCP_GB_PER_S"
              + " RDMA_MESSAGE_US pair|rank");
    }
    double[] measured =
        Arrays.stream(arguments).limit(5).mapToDouble(Double::parseDouble).toArray();
    new ScalingModel(
            new Machine(
                measured[0] * 1e3, measured[1] * 1e3, measured[2], measured[3] * 1e3, measured[4]),
            CombineMode.valueOf(arguments[5].toUpperCase(Locale.ROOT)))
        .print();
  }

  private void print() {
    StringBuilder heading =
        new StringBuilder("| machines | tokens each | rows as | KiB | experts |");
    LINKS.forEach(link -> heading.append(' ').append(link.name()).append(" |"));
    System.out.println(heading);
    System.out.println("|---".repeat(5 + LINKS.size()) + "|");
    for (int machines : MACHINES) {
      for (int tokens : TOKENS) {
        for (DispatchFormat format : List.of(DispatchFormat.F32, DispatchFormat.FP8)) {
          if (machines > 1 || format == DispatchFormat.F32) {
            System.out.println(line(machines, tokens, format));
          }
        }
      }
    }
  }

  /// Microseconds: the experts alone, then for each link the layer, and dispatch and combine in it.
  private String line(int machines, int tokens, DispatchFormat format) {
    List<Routing> routings = new ArrayList<>();
    for (int draw = 0; draw < DRAWS; draw++) {
      routings.add(new Routing(machines, tokens, format, combine, 100 + draw));
    }
    StringBuilder line = new StringBuilder();
    for (Link link : machines == 1 ? LINKS.subList(0, 1) : LINKS) {
      List<Times> times = routings.stream().map(routing -> times(routing, link)).toList();
      if (line.isEmpty()) {
        double sent =
            routings.stream().mapToDouble(Routing::sentByAll).average().orElse(0) / machines;
        line.append(
            String.format(
                Locale.ROOT,
                "| %d | %d | %s | %.0f | %.0f |",
                machines,
                tokens,
                format,
                sent / 1024,
                average(times, Times::experts)));
      }
      line.append(
          String.format(
              Locale.ROOT,
              " %.0f (%.0f, %.0f) |",
              average(times, Times::layer),
              average(times, Times::dispatch),
              average(times, Times::combine)));
    }
    line.append(" |".repeat(machines == 1 ? LINKS.size() - 1 : 0)); // alone it needs no network
    return line.toString();
  }

  private static double average(List<Times> times, ToDoubleFunction<Times> part) {
    return times.stream().mapToDouble(part).average().orElse(0);
  }

  private Times times(Routing routing, Link link) {
    double dispatch = 0;
    double experts = 0;
    double combine = 0;
    for (int m = 0; m < routing.machines; m++) {
      dispatch =
          Math.max(
              dispatch,
              exchange(
                  link,
                  2 * (routing.machines - 1),
                  Math.max(routing.rowsOut[m], routing.rowsIn[m])));
      combine =
          Math.max(
              combine,
              exchange(
                  link,
                  routing.resultMessages[m],
                  Math.max(routing.resultsOut[m], routing.resultsIn[m])));
      experts = Math.max(experts, work(routing.distinct[m].cardinality(), routing.pairs[m]));
    }
    return new Times(dispatch, work(1, routing.tokens), experts, combine);
  }

  private double exchange(Link link, double messages, double bytes) {
    if (messages == 0) {
      return 0;
    }
    double wire = link.gigabits() * 1e3 / 8;
    return link.tcp()
        ? link.micros()
            + messages * machine.tcpMessageMicros()
            + bytes / Math.min(wire, machine.tcpBytes())
        : link.micros() + messages * machine.rdmaMessageMicros() + bytes / wire;
  }

  /// Reading weights or calculating, whichever takes longer.
  private double work(int experts, double pairs) {
    return Math.max(
        experts * EXPERT_BYTES / machine.weightBytes(),
        pairs * EXPERT_OPERATIONS / machine.operations());
  }

  /// Who sends what to whom, for one draw of experts.
  private static final class Routing {
    final int machines;
    final int tokens;
    final double[] rowsOut;
    final double[] rowsIn;
    final double[] resultsOut;
    final double[] resultsIn;
    final double[] resultMessages;
    final double[] pairs;
    final BitSet[] distinct;

    Routing(int machines, int tokens, DispatchFormat format, CombineMode combine, long seed) {
      this.machines = machines;
      this.tokens = tokens;
      rowsOut = new double[machines];
      rowsIn = new double[machines];
      resultsOut = new double[machines];
      resultsIn = new double[machines];
      resultMessages = new double[machines];
      pairs = new double[machines];
      distinct = new BitSet[machines];
      for (int m = 0; m < machines; m++) {
        distinct[m] = new BitSet(EXPERTS);
      }
      SplittableRandom random = new SplittableRandom(seed);
      ExpertPlacement placement = ExpertPlacement.contiguous(EXPERTS, machines);
      int pairBytes = combine == CombineMode.RANK ? Integer.BYTES + Float.BYTES : Integer.BYTES;
      double row = format.rowBytes(HIDDEN) + TOP_K * pairBytes;
      for (int from = 0; from < machines; from++) {
        int[] ids = draw(random, tokens);
        int[] results = new int[machines];
        BitSet[] senders = new BitSet[machines];
        Arrays.setAll(senders, to -> new BitSet(tokens));
        for (int pair = 0; pair < ids.length; pair++) {
          int to = placement.holder(ids[pair], from, pair / TOP_K);
          pairs[to]++;
          results[to]++;
          distinct[to].set(ids[pair]);
          senders[to].set(pair / TOP_K);
        }
        for (int to = 0; to < machines; to++) {
          if (to != from && results[to] > 0) {
            double rowBytes = senders[to].cardinality() * row;
            int returned = combine == CombineMode.RANK ? senders[to].cardinality() : results[to];
            double resultBytes = (double) returned * HIDDEN * Float.BYTES;
            rowsOut[from] += rowBytes;
            rowsIn[to] += rowBytes;
            resultsOut[to] += resultBytes;
            resultsIn[from] += resultBytes;
            resultMessages[from]++;
            resultMessages[to]++;
          }
        }
      }
    }

    private static int[] draw(SplittableRandom random, int tokens) {
      int[] ids = new int[tokens * TOP_K];
      for (int token = 0; token < tokens; token++) {
        BitSet chosen = new BitSet(EXPERTS);
        for (int slot = 0; slot < TOP_K; slot++) {
          int id = random.nextInt(EXPERTS);
          while (chosen.get(id)) {
            id = random.nextInt(EXPERTS);
          }
          chosen.set(id);
          ids[token * TOP_K + slot] = id;
        }
      }
      return ids;
    }

    double sentByAll() {
      double all = 0;
      for (int m = 0; m < machines; m++) {
        all += rowsOut[m] + resultsOut[m];
      }
      return all;
    }
  }
}
