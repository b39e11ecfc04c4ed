package edgecore

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	milliseconds = regexp.MustCompile(`^\d{12,14}$`)
	dateTime     = regexp.MustCompile(
		`^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(\.\d+)?(?:Z|([+ -])([01]\d|2[0-3]):?(\d\d))?)?$`)
	// dateText is what String makes of a Date in JavaScript.
	dateText = regexp.MustCompile(`^\w{3} (\w{3}) (\d\d) (\d{4}) (\d\d):(\d\d):(\d\d) GMT([+-])(\d\d)(\d\d)`)
)

// ReadTime reads a time as clients write it, to the millisecond. It returns
// false for a text that has not one meaning. The forms are:
//
//   - RFC 3339, also without a colon in the offset, with a blank for T, and with
//     a blank for the plus of the offset, which a query makes of it;
//   - the same without an offset, or the date alone: UTC then;
//   - 12 to 14 digits: milliseconds since 1970;
//   - the text of a Date in JavaScript.
//
// A day from 1 to 31 that its month does not have counts on into the next one,
// as in JavaScript, and so does 24:00:00. The worker's timeOf reads the same.
func ReadTime(text string) (time.Time, bool) {
	if milliseconds.MatchString(text) {
		ms, err := strconv.ParseInt(text, 10, 64)
		return time.UnixMilli(ms).UTC(), err == nil
	}
	if m := dateTime.FindStringSubmatch(text); m != nil {
		return timeOf(m[1], m[2], m[3], m[4:8], m[8:])
	}
	if m := dateText.FindStringSubmatch(text); m != nil {
		month, err := time.Parse("Jan", m[1])
		if err != nil {
			return time.Time{}, false
		}
		return timeOf(m[3], strconv.Itoa(int(month.Month())), m[2], []string{m[4], m[5], m[6], ""}, m[7:])
	}
	return time.Time{}, false
}

// timeOf makes a time of digits: the clock is hours, minutes, seconds and a
// fraction, the offset a sign, hours and minutes. Empty ones are 0.
func timeOf(year, month, day string, clock, offset []string) (time.Time, bool) {
	hour, minute, second := number(clock[0]), number(clock[1]), number(clock[2])
	fraction := strings.TrimPrefix(clock[3], ".")
	ms := number((fraction + "000")[:3])
	switch {
	case number(month) < 1, number(month) > 12, number(day) < 1, number(day) > 31:
		return time.Time{}, false
	case hour > 24, hour == 24 && minute+second+ms > 0, minute > 59, second > 59, number(offset[2]) > 59:
		return time.Time{}, false
	}
	at := time.Date(number(year), time.Month(number(month)), number(day), hour, minute, second,
		ms*int(time.Millisecond), time.UTC)
	ahead := time.Duration(number(offset[1]))*time.Hour + time.Duration(number(offset[2]))*time.Minute
	if offset[0] == "-" {
		ahead = -ahead
	}
	return at.Add(-ahead), true
}

// number reads a few digits; none are 0.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}
