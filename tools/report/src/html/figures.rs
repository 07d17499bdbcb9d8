//! The figures of the page: tiles, and rows of initiators.

use crate::figures::Figures;
use crate::phrases::{brand, worst};
use crate::receiver::Synchronisation;
use crate::report::Report;
use crate::words::{Words, put};

/// A figure, and a note below it.
pub(super) type Cell = (String, String);

/// A figure that is looked at first.
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) figure: String,
    pub(super) note: String,
}

/// A row of figures.
pub(super) struct Row<const N: usize> {
    pub(super) name: String,
    pub(super) brand: String,
    pub(super) cells: [Cell; N],
}

pub(super) fn tiles(report: &Report, words: &Words) -> Vec<Tile> {
    let all = &report.all;
    let (number, share) = (|count| words.number(count), all.delivered_share());
    let in_time = all.in_time_share();
    let worst = report.synchronisation.map_or_else(|| words.not_known.to_owned(), |one| worst(one, words));
    vec![
        Tile {
            name: words.notifications,
            figure: number(all.notifications),
            note: put(words.of_which_replays, &[&number(all.replays)]),
        },
        Tile {
            name: words.delivered,
            figure: words.percent(share),
            note: put(words.of_ended, &[&number(share.part), &number(share.whole)]),
        },
        Tile {
            name: words.in_time,
            figure: words.percent(in_time),
            note: put(words.in_time_of, &[&number(in_time.part), &number(in_time.whole)]),
        },
        Tile {
            name: words.undelivered,
            figure: number(all.undelivered),
            note: put(words.replayed, &[&number(all.replayed), &number(all.recovered)]),
        },
        Tile {
            name: words.worst_synchronisation,
            figure: worst,
            note: words.synchronisation_limit.to_owned(),
        },
    ]
}

pub(super) fn columns(words: &Words) -> [&'static str; 8] {
    [
        words.notifications,
        words.delivered,
        words.undelivered,
        words.cancelled,
        words.not_ended,
        words.attempts,
        words.failed_attempts,
        words.in_time,
    ]
}

pub(super) fn rows(report: &Report, words: &Words) -> Vec<Row<8>> {
    let all = Row { name: words.all.to_owned(), brand: String::new(), cells: cells(&report.all, words) };
    let rows = report.initiators.iter().map(|one| Row {
        name: one.key.client_id.clone(),
        brand: brand(&one.key, words),
        cells: cells(&one.figures, words),
    });
    std::iter::once(all).chain(rows).collect()
}

fn cells(figures: &Figures, words: &Words) -> [Cell; 8] {
    let number = |count| words.number(count);
    let some = |count: u64, what: &str| {
        if count == 0 { String::new() } else { format!("{} {what}", number(count)) }
    };
    let rolled_back = figures.all_rolled_back().map(|count| some(count, &words.rolled_back.to_lowercase()));
    [
        (number(figures.notifications), some(figures.replays, &words.replays.to_lowercase())),
        (number(figures.delivered), words.percent(figures.delivered_share())),
        (number(figures.undelivered), some(figures.recovered, words.recovered)),
        plain(number(figures.cancelled)),
        plain(number(figures.open())),
        (number(figures.attempts), rolled_back.unwrap_or_default()),
        (number(figures.failed()), some(figures.without_outcome(), &words.without_outcome.to_lowercase())),
        (words.percent(figures.in_time_share()), some(figures.first_posted_late, words.posted_late)),
    ]
}

pub(super) fn synchronisations(report: &Report, words: &Words) -> Vec<Row<3>> {
    let unknown = || [(); 3].map(|()| plain(words.not_known.to_owned()));
    let cells = |one: Option<Synchronisation>| {
        one.map_or_else(unknown, |one| {
            [
                plain(words.number(one.registrations)),
                plain(worst(one, words)),
                plain(words.number(one.over_ten_minutes)),
            ]
        })
    };
    let all = Row { name: words.all.to_owned(), brand: String::new(), cells: cells(report.synchronisation) };
    let used = report.initiators.iter().filter_map(|one| {
        let synchronisation = one.receiver.as_ref()?.synchronisation.filter(|one| one.registrations > 0)?;
        let (name, brand) = (one.key.client_id.clone(), brand(&one.key, words));
        Some(Row { name, brand, cells: cells(Some(synchronisation)) })
    });
    std::iter::once(all).chain(used).collect()
}

/// A figure without a note.
fn plain(figure: String) -> Cell {
    (figure, String::new())
}
